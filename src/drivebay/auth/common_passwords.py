"""Refuses new passwords that are among the most common passwords, because attackers try these first.

The comparison with `common_passwords.txt` ignores case, Unicode form and surrounding spaces. Logins do not use the
list, so accounts with an older password stay usable.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

from .password_hasher import password_problem


def new_password_problem(password: str) -> str | None:
    """Return the reason why a new password is refused, or None."""
    if problem := password_problem(password):
        return problem
    if _fold(password) in _common_passwords():  # guard: common-password
        return "is one of the most common passwords; choose another one"
    return None


@cache
def _common_passwords() -> frozenset[str]:
    lines = Path(__file__).with_name("common_passwords.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("# "))


def _fold(password: str) -> str:
    return unicodedata.normalize("NFKC", password).strip().casefold()
