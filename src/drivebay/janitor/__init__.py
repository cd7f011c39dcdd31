"""The janitor: purges deleted objects, expires overdue uploads, quarantines orphans, aborts orphaned multipart uploads.

Every operation may be repeated by any process at any time. Work is done under leases. An object that no row refers
to is never deleted, only moved to quarantine.
"""
