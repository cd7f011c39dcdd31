"""The janitor: purges deleted objects, expires overdue uploads, quarantines orphans, aborts orphaned multipart uploads.

It also deletes old changes and expired archives, and adds missing search names. Every operation may be repeated by any
process at any time. Purges and scans of the bucket are done under leases. An orphan is never deleted, only moved to
quarantine. Thumbnails without a row are the exception: they are deleted.
"""
