"""Passkeys (WebAuthn): which an account has, and logins with them."""
