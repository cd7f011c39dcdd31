"""Whether a value is of the type that a contract promises, all the way down."""

from __future__ import annotations

import types
from datetime import datetime, timedelta
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec


def misfit(value: Any, hint: Any, where: str = "it") -> str | None:
    """What is wrong, as a sentence; None if nothing is.

    Stricter than `isinstance`: an enum is its member and no text, True is no number, every time has a zone,
    a number has 64 bits and text no half of a surrogate pair, since a message could hold neither.
    """
    while hasattr(hint, "__supertype__"):
        hint = hint.__supertype__
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        (inner,) = (part for part in get_args(hint) if part is not type(None))
        return None if value is None else misfit(value, inner, where)
    if origin is tuple:
        (item,) = (part for part in get_args(hint) if part is not Ellipsis)
        parts = [(f"{where}[{index}]", part, item) for index, part in enumerate(value)] if _is(value, tuple) else None
    elif origin is dict:
        key, item = get_args(hint)
        parts = None
        if _is(value, dict):
            parts = [(f"{where}'s key", part, key) for part in value]
            parts += [(f"{where}[{name!r}]", part, item) for name, part in value.items()]
    elif isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        hints = get_type_hints(hint)
        parts = None
        if _is(value, hint):
            parts = [(f"{where}.{name}", getattr(value, name), hints[name]) for name in hint.__struct_fields__]
    else:
        parts = [] if _is(value, hint) else None
    if parts is None:
        return f"{where} is {value!r}, and not {hint}"
    return next((problem for path, part, inner in parts if (problem := misfit(part, inner, path))), None)


def _is(value: Any, kind: Any) -> bool:
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
