"""A service in the same process, behind the same door as a far one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from .call import Door, method_deadline
from .shape import promised

T = TypeVar("T")


def connect(contract: type[T], service: T, *, deadlines: Mapping[str, float] | None = None) -> T:
    """The contract's methods, each going through its door to the service object itself."""
    near = type(f"Near{contract.__name__}", (), {})()
    for name in promised(contract):
        door = Door("near", contract.__name__, name, method_deadline(deadlines, name))
        setattr(near, name, _through(door, getattr(service, name)))
    return cast("T", near)


def _through(door: Door, method: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*arguments: Any, **named: Any) -> Any:
        return await door.pass_through(lambda: method(*arguments, **named))

    return call
