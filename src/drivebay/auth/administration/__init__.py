"""Administration of accounts: roles, invitations, disabled accounts, and password tokens."""
