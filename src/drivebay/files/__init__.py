"""The files service: the metadata of drives, files, folders, uploads, sharing and webhooks, and the rules for it.

Most folders are one aggregate each: its rules, its `store.py` and its SQL. `service.py` combines them.
"""
