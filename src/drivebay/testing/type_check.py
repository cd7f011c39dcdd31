"""A deep check of a value against a type hint of a contract."""

from __future__ import annotations

import types
from datetime import datetime, timedelta
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from ..rpc.type_hints import resolve_newtype


def type_mismatch(value: Any, hint: Any, path: str = "the value") -> str | None:
    """Return a sentence that says which part of a value does not have the type `hint`, or None if the value has this
    type.

    The check is stricter than `isinstance`. A string does not count as an enum member, even if it equals one, and True
    does not count as an integer. Times must be in UTC, integers must have at most 64 bits, and text must have no lone
    surrogates. A message between services cannot contain other values.
    """
    hint = resolve_newtype(hint)
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        (inner,) = (member for member in get_args(hint) if member is not type(None))
        return None if value is None else type_mismatch(value, inner, path)
    members = _members(value, hint, path)
    if members is None:
        return f"{path} is {value!r}, not {hint}"
    return next((found for name, item, inner in members if (found := type_mismatch(item, inner, name))), None)


def _members(value: Any, hint: Any, path: str) -> list[tuple[str, Any, Any]] | None:
    """Return path, value and type of each direct member of a value, or None if the value itself has another type."""
    origin = get_origin(hint)
    if origin is tuple:
        (inner,) = (member for member in get_args(hint) if member is not Ellipsis)
        if not _is_instance(value, tuple):
            return None
        return [(f"{path}[{index}]", item, inner) for index, item in enumerate(value)]
    if origin is dict:
        key_type, inner = get_args(hint)
        if not _is_instance(value, dict):
            return None
        keys = [(f"a key of {path}", key, key_type) for key in value]
        return keys + [(f"{path}[{key!r}]", item, inner) for key, item in value.items()]
    if not _is_instance(value, hint):
        return None
    if not issubclass(hint, msgspec.Struct):
        return []
    hints = get_type_hints(hint)
    return [(f"{path}.{name}", getattr(value, name), hints[name]) for name in hint.__struct_fields__]


def _is_instance(value: Any, kind: Any) -> bool:
    if kind is type(None):
        return value is None
    if not (type(value) is kind if kind in (int, bool, str) else isinstance(value, kind)):
        return False
    if kind is int:
        return bool(-(2**63) <= value < 2**63)
    if kind is str:
        return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
    if kind is datetime:
        return bool(value.tzinfo is not None and value.utcoffset() == timedelta(0))
    return True
