"""The second factor of accounts: one-time codes, recovery codes, and logins that wait for a code."""
