"""The contracts of the services: Protocols and their values. They do no input or output.

`auth`, `files` and `storage` each have a package. Each module of such a package describes one aggregate: a Protocol and
its values. The Protocol `Uploads` is in `uploads.py`, `Purges` in `purges.py`, and so on.

A docstring is a promise. These rules hold for every method and are not repeated:

- Sizes are in bytes. Times are in UTC and have a time zone.
- A method that takes a tuple of items returns one result for each item, in the same order.
- Any method may raise `InvalidRequest` (an argument is out of range, is not valid Unicode, or needs more than 64 bits),
  `Unavailable` (a dependency is down, or the deadline has passed) and `Internal` (a defect).
"""
