"""Fake services of any contract, and Hypothesis strategies for the values of a contract."""

from __future__ import annotations

import enum
import types
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from hypothesis import strategies as st

from drivebay.contract.storage import Storage
from drivebay.rpc.type_hints import contract_methods, resolve_newtype

T = TypeVar("T")


def fake(contract: type[T], **methods: Callable[..., Awaitable[Any]]) -> T:
    """Return a service with these methods. All other methods of the contract fail the test."""

    async def unexpected(*_: object) -> None:
        raise AssertionError("the test does not expect this call")

    assert methods.keys() <= contract_methods(contract).keys()
    return cast("T", types.SimpleNamespace(**(dict.fromkeys(contract_methods(contract), unexpected) | methods)))


async def _quarantine_object(key: str) -> bool:
    return key == "there"


STORE = fake(Storage, quarantine_object=_quarantine_object)
"""A storage service with one object, whose key is `there`."""

_SCALARS: dict[object, st.SearchStrategy[Any]] = {
    UUID: st.uuids(allow_nil=True),
    str: st.text(max_size=20),
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    float: st.floats(allow_nan=False),
    bytes: st.binary(max_size=40),
    datetime: st.datetimes(timezones=st.just(UTC)),
    timedelta: st.timedeltas(),
}


@cache
def values(hint: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for any value of a type that a contract may use. It is made once: that takes long."""
    hint = resolve_newtype(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=4).map(tuple)
    if origin is dict:
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=4)
    if origin in (Union, types.UnionType):
        return st.one_of([st.none() if part is type(None) else values(part) for part in arguments])
    if hint is type(None):
        return st.none()
    if issubclass(hint, enum.Enum):
        return st.sampled_from(list(hint))
    if issubclass(hint, msgspec.Struct):
        return st.builds(hint, **{name: values(part) for name, part in get_type_hints(hint).items()})
    return _SCALARS[hint]
