"""`python -m tests.client.reference`: write the SDK's reference from its docstrings, into docs/reference/client.md."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from enum import Enum
from itertools import chain
from pathlib import Path

import msgspec

from drivebay import client

FILE = Path(__file__).parents[2] / "docs" / "reference" / "client.md"
_CALLS = ("AsyncDrive", "Drive", "Session", "InMemory", "Resume", "Patience")


def as_markdown() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# The SDK, call by call"
    yield ""
    yield "Made from the docstrings by `python -m tests.client.reference`. Begin with [the guide](../guide/sdk.md)."
    yield from chain.from_iterable(map(_kind, _CALLS))
    yield from _values()
    yield from _errors()


def _kind(name: str) -> Iterator[str]:
    kind = getattr(client, name)
    yield from ("", f"## {name}", "", _prose(kind))
    if name == "Drive":
        return  # its methods are those above
    if name in ("AsyncDrive", "Patience"):
        yield from ("", f"`{name}{_signature(kind)}`")
    for method_name, method in vars(kind).items():
        if method_name.startswith("_") or not inspect.isfunction(method) or method.__module__ != kind.__module__:
            continue
        asks = "await " if inspect.iscoroutinefunction(method) else ""
        yield from ("", f"### {name}.{method_name}", "", f"`{asks}{method_name}{_signature(method)}`")
        if method.__doc__:
            yield from ("", _prose(method))


def _values() -> Iterator[str]:
    yield from ("", "## Values")
    for name in client.__all__:
        value = getattr(client, name)
        if isinstance(value, type) and issubclass(value, msgspec.Struct):
            yield from ("", f"### {name}", "", _prose(value), "")
            for field in msgspec.structs.fields(value):
                shown = value.__annotations__[field.encode_name]
                yield f"- `{field.name}: {shown}`"


def _errors() -> Iterator[str]:
    yield from ("", "## Errors", "", "```", inspect.getdoc(inspect.getmodule(client.Error)) or "", "```")
    for name in client.__all__:
        value = getattr(client, name)
        if isinstance(value, type) and issubclass(value, Exception):
            yield from ("", f"**{name}**: {_prose(value)}")


def _prose(thing: object) -> str:
    return inspect.getdoc(thing) or ""


def _signature(thing: Callable[..., object]) -> str:
    signature = inspect.signature(thing)
    shown, starred = [], False
    for parameter in signature.parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            shown.append("*")
            starred = True
        shown.append(f"{parameter.name}: {parameter.annotation}{_default(parameter.default)}")
    return f"({', '.join(shown)}) -> {signature.return_annotation}"


def _default(value: object) -> str:
    if value is inspect.Parameter.empty:
        return ""
    if isinstance(value, Enum):
        return f" = {type(value).__name__}.{value.name}"
    # A function has an address, which is another one each time.
    return " = ..." if callable(value) else f" = {value!r}"


if __name__ == "__main__":
    FILE.write_text(as_markdown(), "utf-8")
