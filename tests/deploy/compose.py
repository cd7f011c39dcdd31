"""Reads a compose file as Docker Compose does: with variables replaced."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "compose"


@dataclass(frozen=True)
class Service:
    command: tuple[str, ...]
    environment: dict[str, str]
    image: str
    volumes: tuple[str, ...]
    needs: tuple[str, ...]
    aliases: tuple[str, ...]
    """Names that resolve to the service, besides its own."""


def services(file: str, variables: Mapping[str, str]) -> dict[str, Service]:
    """Return every service of the file. Raises KeyError for a variable without a value and a default."""
    document: dict[str, Any] = yaml.safe_load(replace_variables((FOLDER / file).read_text("utf-8"), variables))
    declared = set(document["volumes"])
    found = {}
    for name, written in document["services"].items():
        volumes = tuple(written.get("volumes", ()))
        for volume in volumes:
            source = volume.split(":")[0]
            assert source in declared or (FOLDER / source).is_file(), (
                f"{file}: {name} mounts {source}, which does not exist"
            )
        found[name] = Service(
            command=tuple(written.get("command", ())),
            # A variable without a value is an empty text in Compose. Here it was replaced before YAML was parsed.
            environment={
                key: "" if value is None else str(value) for key, value in written.get("environment", {}).items()
            },
            image=written["image"],
            volumes=volumes,
            needs=tuple(written.get("depends_on", ())),
            aliases=aliases(written),
        )
    return found


def aliases(service: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the further names of a service in the default network."""
    return tuple(service.get("networks", {}).get("default", {}).get("aliases", ()))


def replace_variables(text: str, variables: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name, default = found["name"], found["default"]
        return variables.get(name) or (variables[name] if default is None else default)

    return re.sub(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?[^}]*)?\}", value, text)
