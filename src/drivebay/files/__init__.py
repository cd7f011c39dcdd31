"""The files service: the metadata of drives, files, folders, uploads, sharing and webhooks, and the rules for it.

Most folders are one aggregate each: the rules of the aggregate, its `store.py` and its SQL. `service.py` combines the
aggregates.
"""
