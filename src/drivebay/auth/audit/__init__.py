"""The audit log: the actor, the action, the account and the IP address of events. Old events are deleted."""
