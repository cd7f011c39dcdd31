"""The janitor: purges deleted objects, expires overdue uploads, quarantines orphans, aborts orphaned multipart uploads.

It also deletes old changes and expired archives, and adds missing search names. Every operation may be repeated by any
process at any time. Purges and scans of the bucket are done under leases. An object that no row refers to is never
deleted, only moved to quarantine, except a thumbnail.
"""
