"""The results of the checks of `drivebay doctor`."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """The deployment works, but it could be faster or safer."""
    FAILED = "failed"


class Finding(msgspec.Struct, frozen=True):
    """One result of a check: its name, what it found, and what to do. `fix` is empty if all is ok."""

    check: str
    verdict: Verdict
    detail: str
    fix: str = ""


def ok(check: str, detail: str) -> Finding:
    return Finding(check, Verdict.OK, detail)


def warning(check: str, detail: str, fix: str) -> Finding:
    return Finding(check, Verdict.WARNING, detail, fix)


def failed(check: str, detail: str, fix: str) -> Finding:
    return Finding(check, Verdict.FAILED, detail, fix)
