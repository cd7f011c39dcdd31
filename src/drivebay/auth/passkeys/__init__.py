"""Passkeys (WebAuthn): the passkeys of an account, and logins with them."""
