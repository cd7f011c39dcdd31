"""What services promise one another: Protocols with their values, and nothing that runs.

Read `auth.py`, `files.py` and `storage.py` first; everything else in the tree keeps these promises.

Every method of every contract may also fail with `InvalidRequest` (an argument that cannot be: a negative
limit, text that is no Unicode, a number over 64 bits), `Unavailable` (something behind it is down, or the
deadline passed) and `Internal` (a defect). A docstring names only what is particular to its method.
"""
