"""The declaration of one setting: a dataclass field with its parser, default, description and secrecy."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

PREFIX: Final = "DRIVEBAY_"
_KEY: Final = "declaration"


@dataclass(frozen=True, slots=True)
class Declaration:
    """One setting. `name` is the environment variable and `field` the attribute of `Settings`.

    `parse` converts a text to the value, or raises ValueError with the accepted form. `default` is a text that
    `parse` accepts, or None for a setting without a default. If `default_note` is not empty, the guide shows it instead
    of `default`.
    """

    name: str
    field: str
    parse: Callable[[str], Any]
    default: str | None
    description: str
    default_note: str
    secret: bool


def setting(
    description: str,
    parse: Callable[[str], Any],
    default: str | None = None,
    *,
    default_note: str = "",
    secret: bool = False,
    variable: str = "",
) -> Any:
    """Declare a setting as a dataclass field.

    The environment variable is `variable`. By default it is DRIVEBAY_ and the name of the field in upper case.
    A `secret` appears neither in the `repr` of the settings nor in an error message.
    """
    details = (variable, parse, default, description, default_note)
    return dataclasses.field(repr=not secret, metadata={_KEY: details})


def declarations(settings: type) -> tuple[Declaration, ...]:
    """Return the declarations of a class whose fields are declared with `setting`, in their order."""
    result = []
    for field in dataclasses.fields(settings):
        variable, parse, default, description, default_note = field.metadata[_KEY]
        name = variable or PREFIX + field.name.upper()
        result.append(Declaration(name, field.name, parse, default, description, default_note, not field.repr))
    return tuple(result)
