"""The files service: the metadata of uploads, files, folders, quota, trash and purges, and its rules.

Each folder is one aggregate: its rules, its `store.py` and its SQL. `service.py` combines them.
"""
