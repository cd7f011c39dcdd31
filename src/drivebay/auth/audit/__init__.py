"""The audit log: the actor, the action, the account and the address of events. Old events are deleted."""
