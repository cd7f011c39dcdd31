"""The check of every invariant in the database and the object store.

`drivebay check` runs it, and so do tests after each scenario.
"""

from __future__ import annotations

from typing import Final

from ...contract.files import Violation
from ...contract.storage import ObjectInfo, Presence, Storage
from ...errors import Unavailable
from ...postgres import Database
from .store import BEFORE_ALL_VERSIONS, MaintenanceStore, StoredVersion

_PAGE_SIZE: Final = 1000
"""The number of versions whose objects are looked up at once."""
_OBJECT_INVARIANT: Final = "a_stored_version_has_its_object"
_MAX_VIOLATIONS: Final = 100
"""The maximum number of violations that one invariant reports."""


async def check_all(db: Database, store: MaintenanceStore, storage: Storage) -> tuple[Violation, ...]:
    """Return the violations of all invariants. Record which stored versions have no object.

    At most 100 violations of each invariant are returned, and one more with `is_unknown` if the invariant could not be
    checked, or not for all versions.
    """
    violations: list[Violation] = []
    for invariant in store.invariants:
        try:
            violations += await store.select_violations(db, invariant, _MAX_VIOLATIONS)
        except Unavailable as error:  # guard: check-unknown-invariant
            violations.append(Violation(invariant, None, error.detail, is_unknown=True))
    try:
        violations += await _check_objects(db, store, storage)
    except Unavailable as error:
        violations.append(Violation(_OBJECT_INVARIANT, None, error.detail, is_unknown=True))
    return tuple(violations)


async def _check_objects(db: Database, store: MaintenanceStore, storage: Storage) -> list[Violation]:
    """Mark the versions whose object is missing, and remove the mark if the object exists again.

    If the store did not say whether an object exists, the mark does not change, and the version is counted. The number
    of these versions is reported.
    """
    violations: list[Violation] = []
    checked, unknown, reason = 0, 0, ""
    last = BEFORE_ALL_VERSIONS
    while versions := await store.select_versions_after(db, last, _PAGE_SIZE):
        last = versions[-1].ref
        checked += len(versions)
        try:
            objects = await storage.stat_objects(tuple(version.key for version in versions))
        except Unavailable as error:
            unknown, reason = unknown + len(versions), f": {error.detail}"
            continue
        marks = []
        for version, info in zip(versions, objects, strict=True):
            if info.presence is Presence.UNKNOWN:
                unknown += 1
            elif problem := _find_problem(version, info):
                violations.append(Violation(_OBJECT_INVARIANT, version.ref.owner, problem))
            is_missing = info.presence is Presence.ABSENT
            # guard: check-missing-object, check-unknown-object
            if info.presence is not Presence.UNKNOWN and is_missing != version.is_missing:
                marks.append((version.ref, is_missing))
        if marks:
            await store.mark_missing(db, marks)
    del violations[_MAX_VIOLATIONS:]
    if unknown:
        detail = f"the store did not report {unknown} of {checked} stored versions{reason}"
        violations.append(Violation(_OBJECT_INVARIANT, None, detail, is_unknown=True))
    elif problem := await _find_store_problem(storage):
        violations.append(Violation(_OBJECT_INVARIANT, None, problem, is_unknown=True))
    return violations


async def _find_store_problem(storage: Storage) -> str | None:
    """Return the reason why the store is not available, or None. If there are no versions, no other call would
    detect the problem."""
    for health in await storage.health():
        if health.name == "store" and not health.ok:  # guard: check-empty-drive
            return f"the store does not respond: {health.detail}"
    return None


def _find_problem(version: StoredVersion, info: ObjectInfo) -> str | None:
    id = version.ref.id
    if info.presence is Presence.ABSENT:
        return f"the object of version {id} is missing"
    if info.size != version.size:
        return f"the object of version {id} has {info.size} bytes, not {version.size}"
    if version.sha256 is not None and info.sha256 is not None and info.sha256 != version.sha256:
        return f"the object of version {id} has another checksum"
    return None
