"""The worker: runs jobs that other services queue in PostgreSQL.

It calls contracts and has no database of its own. A job is claimed under a lease, done, and then finished. Any number
of workers may run at the same time.
"""
