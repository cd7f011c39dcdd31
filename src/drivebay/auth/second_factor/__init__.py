"""The second factor of accounts: TOTP codes, recovery codes, and logins that wait for a code."""
