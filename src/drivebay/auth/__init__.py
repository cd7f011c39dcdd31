"""The auth service: accounts, passwords, sessions and signing keys, in PostgreSQL's schema `auth`.

`service.start` is the way in. Time that is stored or compared with what is stored is the database's.
"""
