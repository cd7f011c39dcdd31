"""Reading the type hints of contracts."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec

REQUIRED: Final = object()
"""Takes the place of the default for a field or an argument without a default."""


def contract_methods(contract: type) -> dict[str, Callable[..., Any]]:
    """Return the methods of a contract by name, including the methods of the Protocols from which it inherits."""
    return {
        name: member
        for protocol in reversed(contract.__mro__)
        for name, member in vars(protocol).items()
        if not name.startswith("_") and inspect.iscoroutinefunction(member)
    }


def split_hints(function: Callable[..., Any]) -> tuple[dict[str, Any], Any]:
    """Return the types of a method's arguments by name, and the type of its result."""
    hints = get_type_hints(function)
    result = hints.pop("return")
    return hints, result


@cache
def struct_hints(struct: type[msgspec.Struct]) -> Mapping[str, Any]:
    """Return the types of a struct's fields by name. The result is cached, because the evaluation is slow."""
    return get_type_hints(struct)


def argument_defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the default of each argument that has a default."""
    return {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }


def field_defaults(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the default of each field that has a default."""
    defaults: dict[str, Any] = {}
    for field in msgspec.structs.fields(struct):
        if field.default is not msgspec.NODEFAULT:
            defaults[field.name] = field.default
        elif field.default_factory is not msgspec.NODEFAULT:
            defaults[field.name] = field.default_factory()
    return defaults


def resolve_newtype(hint: Any) -> Any:
    """Return the type behind a `NewType`, and any other type unchanged."""
    while hasattr(hint, "__supertype__"):
        hint = hint.__supertype__
    return hint


def unwrap_optional(hint: Any) -> tuple[Any, bool]:
    """Return `(X, True)` for `X | None`, and `(hint, False)` for a type that is no union.

    Raises ValueError for any other union.
    """
    if get_origin(hint) in (Union, types.UnionType):
        (inner,) = (member for member in get_args(hint) if member is not type(None))
        return resolve_newtype(inner), True
    return hint, False
