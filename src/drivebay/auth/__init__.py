"""The auth service: accounts, passwords, sessions and signing keys.

`service.start` builds the service. Its data is in the PostgreSQL schema `auth`. Every time that is stored there, or is
compared with a stored time, comes from the clock of the database.
"""
