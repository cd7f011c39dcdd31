"""The object store behind one contract: signed URLs, look-ups, copies and deletions. It does not know users.

`service.py` implements the contract. It uses the Protocol in `bucket.py`, which `s3/` implements.
"""
