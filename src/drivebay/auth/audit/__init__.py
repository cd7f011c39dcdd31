"""The audit log: the actor, the action, the account and the address. Rows are never changed, and deleted by age."""
