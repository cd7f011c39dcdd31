"""Strategies for the arguments of any contract method: valid values, unusual values and impossible values."""

from __future__ import annotations

import enum
import types
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from hypothesis import strategies as st

from drivebay.rpc.type_hints import resolve_newtype, split_hints
from drivebay.testing.type_check import type_mismatch

Known = Mapping[str, Sequence[Any]]
"""Values that exist in the service under test, by the name of an argument or field, or by the type of an id."""

_TEXTS: Final = (
    *("", " ", ".", "..", "a/b", "../../etc/passwd", "a\0b", "\0", "\r\nX-Evil: 1", "%00", "'; --", '"\\', "{}"),
    *("\ud800", "a\udfff", "\U0010ffff", "\u202egpj.exe", "e\u0301", "\x7f", "*", "\u00df" * 200, "x" * 70_000),
)
_INTEGERS: Final = (
    *(0, 1, -1, 1000, 1001, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 2**200),
    *(-(2**31) - 1, -(2**63), -(2**63) - 1),
)
_TIMES: Final = (
    *(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)),
    *(datetime.max.replace(tzinfo=timezone(-timedelta(hours=14))), datetime(2026, 1, 1)),
    datetime(2026, 1, 1, 12, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=14, minutes=1))),
)
_SCALARS: Final[dict[object, st.SearchStrategy[Any]]] = {
    UUID: st.sampled_from([UUID(int=0), UUID(int=2**128 - 1)]) | st.uuids(),
    str: st.sampled_from(_TEXTS) | st.text(max_size=20),
    int: st.sampled_from(_INTEGERS) | st.integers(-5, 2000),
    bool: st.booleans(),
    float: st.floats(),
    bytes: st.sampled_from([b"", b"\0", bytes(31), bytes(32), bytes(33), b"x" * 70_000]) | st.binary(max_size=40),
    datetime: st.sampled_from(_TIMES) | st.datetimes(timezones=st.just(UTC)),
    timedelta: st.sampled_from([timedelta.min, timedelta.max, timedelta(0)]) | st.timedeltas(),
}
_LENGTHS: Final = (0, 1, 1000, 1001)


def arguments(function: Callable[..., Any], known: Known) -> st.SearchStrategy[tuple[Any, ...]]:
    """Return a strategy for the arguments of a contract method, without `self`."""
    hints, _ = split_hints(function)
    return st.tuples(*(_named(name, hint, known) for name, hint in hints.items()))


def _named(name: str, hint: Any, known: Known) -> st.SearchStrategy[Any]:
    kind = hint.__name__ if hasattr(hint, "__supertype__") else ""
    any_value = values(hint, known)
    fitting = [value for value in known.get(name, known.get(kind, ())) if type_mismatch(value, hint) is None]
    if not fitting:
        return any_value
    # The data of an unknown drive would be shared by all deliveries.
    if name == "access" or kind in ("DriveId", "UserId"):
        return st.sampled_from(fitting)
    # Known values in three of four cases. Otherwise hardly a call with several arguments would get past validation.
    return st.integers(0, 3).flatmap(lambda dice: any_value if dice == 3 else st.sampled_from(fitting))


def values(hint: Any, known: Known) -> st.SearchStrategy[Any]:
    """Return a strategy for a value of a type that a contract uses."""
    hint = resolve_newtype(hint)
    origin, parts = get_origin(hint), get_args(hint)
    if origin is tuple:
        item = values(parts[0], known)
        many = st.tuples(item, st.sampled_from(_LENGTHS)).map(lambda drawn: (drawn[0],) * drawn[1])
        return st.lists(item, max_size=3).map(tuple) | many
    if origin is dict:
        return st.dictionaries(values(parts[0], known), values(parts[1], known), max_size=3)
    if origin in (Union, types.UnionType):
        return st.one_of([st.none() if part is type(None) else values(part, known) for part in parts])
    if issubclass(hint, enum.Enum):
        return st.sampled_from(list(hint))
    if issubclass(hint, msgspec.Struct):
        return st.builds(hint, **{name: _named(name, part, known) for name, part in get_type_hints(hint).items()})
    return _SCALARS[hint]
