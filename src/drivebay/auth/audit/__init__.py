"""The audit log: who did what to which account, from where. Rows are only added, and pruned by age."""
