"""The object store behind one contract: signed URLs, look-ups, deletions. It knows S3 and no user.

Begin with `service.py`, which keeps the promises of `contract.storage`; `bucket.py` says what it needs of
a store, and `s3.py` is the one driver.
"""
