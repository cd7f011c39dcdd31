"""The storage service: the store behind one contract, with presigned URLs, look-ups, copies and deletions. The service
knows no users.

`service.py` implements the contract. It uses the Protocol in `bucket.py`, which `s3/` implements.
"""
