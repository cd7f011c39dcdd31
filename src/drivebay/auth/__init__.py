"""The auth service: accounts, passwords, sessions and signing keys.

`service.start` builds the service. Its data is in the PostgreSQL schema `auth`. The database's clock decides every
time that is stored there, or compared with a stored time.
"""
