"""The errors that say that PostgreSQL cannot be used now, and how an operator fixes their causes.

Violated constraints are not included, because only a store knows their meaning.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import asyncpg

from ..errors import Unavailable


class Problem(NamedTuple):
    """`detail` is a sentence for the log and for readiness. `fix` tells the operator what to do.

    `is_temporary`: the problem may end without a change of our settings, so a starting process waits.
    """

    detail: str
    fix: str
    is_temporary: bool = True


READ_ONLY: Final = Problem(
    "PostgreSQL accepts no writes: it is read-only or a standby",
    "connect to the primary, or run `SHOW default_transaction_read_only` and `SELECT pg_is_in_recovery()` there",
)
DISK_FULL: Final = Problem("PostgreSQL accepts no writes: its disk is full", "free space on the disk of PostgreSQL")
NO_PRIVILEGE: Final = Problem(
    "PostgreSQL refuses a privilege to the user of Drivebay",
    "make the user in DRIVEBAY_DATABASE_URL the owner of the schemas `auth` and `files` and of their tables",
)
NO_TABLES: Final = Problem(
    "the tables of Drivebay are missing in the database",
    "check the database in DRIVEBAY_DATABASE_URL; if its tables were deleted, restore a backup or restart Drivebay",
)
TRANSACTION_POOLING: Final = Problem(
    "DRIVEBAY_DATABASE_URL leads to a connection pooler in transaction mode, which breaks prepared statements",
    "set `pool_mode = session` in the pooler (pgbouncer), or connect to PostgreSQL directly",
    is_temporary=False,
)
NO_RESPONSE: Final = Problem(
    "PostgreSQL does not respond",
    "check that PostgreSQL is running and that DRIVEBAY_DATABASE_URL is right",
    is_temporary=False,
)
_NOT_RUNNING: Final = Problem(
    "PostgreSQL is starting, stopping or recovering", "wait until it accepts connections, and read its log"
)
_OUT_OF_RESOURCES: Final = Problem(
    "PostgreSQL is out of connections or memory",
    "raise max_connections, or lower DRIVEBAY_DATABASE_CONNECTIONS or the number of processes",
)
_FAILING_DISK: Final = Problem("PostgreSQL cannot read or write its files", "read its log, and check its disk")
_INTERNAL_ERROR: Final = Problem("PostgreSQL or its proxy reports an internal error", "read its log")
_LOGIN_REFUSED: Final = Problem(
    "PostgreSQL refuses the database, the user or the password",
    "check database, user and password in DRIVEBAY_DATABASE_URL",
    is_temporary=False,
)
SCHEMA_CHANGED: Final = Problem(
    "the tables were changed by an upgrade", "nothing to do: connections with the old definitions are closed"
)

_PROBLEMS: Final[tuple[tuple[type[Exception], Problem], ...]] = (
    (asyncpg.ReadOnlySQLTransactionError, READ_ONLY),
    (asyncpg.DiskFullError, DISK_FULL),
    (asyncpg.CannotConnectNowError, _NOT_RUNNING),
    (asyncpg.AdminShutdownError, _NOT_RUNNING),
    (asyncpg.CrashShutdownError, _NOT_RUNNING),
    (asyncpg.TargetServerAttributeNotMatched, READ_ONLY),
    (asyncpg.InsufficientResourcesError, _OUT_OF_RESOURCES),
    (asyncpg.PostgresSystemError, _FAILING_DISK),
    (asyncpg.InvalidCatalogNameError, _LOGIN_REFUSED),
    (asyncpg.InvalidAuthorizationSpecificationError, _LOGIN_REFUSED),
    (asyncpg.InsufficientPrivilegeError, NO_PRIVILEGE),
    (asyncpg.UndefinedTableError, NO_TABLES),
    (asyncpg.InvalidSchemaNameError, NO_TABLES),
    (asyncpg.InternalServerError, _INTERNAL_ERROR),
    (asyncpg.InvalidSQLStatementNameError, TRANSACTION_POOLING),
    (asyncpg.DuplicatePreparedStatementError, TRANSACTION_POOLING),
    (asyncpg.InvalidCachedStatementError, SCHEMA_CHANGED),
)
"""The problem of an error, by the first class that matches."""
_ALL_PROBLEMS: Final = (NO_RESPONSE, *dict.fromkeys(problem for _, problem in _PROBLEMS))

UNAVAILABLE: Final[tuple[type[Exception], ...]] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    *(kind for kind, _ in _PROBLEMS),
)
"""The errors that become Unavailable."""


def find_problem(error: BaseException) -> Problem:
    """Return the problem of an error of asyncpg, or of an Unavailable that was raised from such an error."""
    cause = error.__cause__ if isinstance(error, Unavailable) and error.__cause__ is not None else error
    return next((problem for kind, problem in _PROBLEMS if isinstance(cause, kind)), NO_RESPONSE)


def find_fix(detail: str) -> str | None:
    """Return the fix of the problem whose `detail` is at the beginning of this text, or None if there is no such
    problem."""
    return next((problem.fix for problem in _ALL_PROBLEMS if detail.startswith(problem.detail)), None)


def unavailable(error: BaseException) -> Unavailable:
    """Return the `Unavailable` to raise for `error`. Its message names the problem and the class of the error. If the
    cause is another change of the same data (a lock that was not available in time, a deadlock, or a failed
    serialization), the message says that the data is being changed and names neither."""
    if isinstance(error, asyncpg.TransactionRollbackError):  # guard: conflicting-change
        return Unavailable("another change of the same data was made at the same time; try again", retry_after=1)
    if isinstance(error, asyncpg.LockNotAvailableError):
        return Unavailable("another change of the same data takes long; try again in a few seconds", retry_after=5)
    problem = find_problem(error)
    detail = "the database cannot respond" if problem is NO_RESPONSE else problem.detail
    return Unavailable(f"{detail} ({type(error).__name__})")


def ends_connection(error: BaseException) -> bool:
    """Return whether the connection of `error` must be closed, because its server cannot be used as it is."""
    return find_problem(error) is not NO_RESPONSE


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise `Unavailable` for an error of the connection or the server."""
    try:
        yield
    except UNAVAILABLE as error:
        raise unavailable(error) from error
