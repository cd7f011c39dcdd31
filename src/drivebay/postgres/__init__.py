"""PostgreSQL: the connection pool, transactions, named statements and migrations."""

from .database import Database, affected_rows, connect
from .migrations import MigrationError, migrate, migration_names
from .pool import Connection
from .pooling_probe import pools_transactions
from .server_errors import TRANSACTION_POOLING, find_fix, find_problem
from .statements import Statements
from .table_copies import (
    BACKUP_LOCK,
    PurgeHold,
    Snapshot,
    TableFile,
    TableFileError,
    applied_migrations,
    find_filled_table,
    is_in_use,
    load_tables,
    open_snapshot,
    prevent_purges,
)

__all__ = [
    "BACKUP_LOCK",
    "TRANSACTION_POOLING",
    "Connection",
    "Database",
    "MigrationError",
    "PurgeHold",
    "Snapshot",
    "Statements",
    "TableFile",
    "TableFileError",
    "affected_rows",
    "applied_migrations",
    "connect",
    "find_filled_table",
    "find_fix",
    "find_problem",
    "is_in_use",
    "load_tables",
    "migrate",
    "migration_names",
    "open_snapshot",
    "pools_transactions",
    "prevent_purges",
]
