"""A compose file as Compose reads it: variables filled in, each service's command and environment as written."""

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


def services(file: str, variables: Mapping[str, str]) -> dict[str, Service]:
    """Every service of the file. Raises KeyError for a variable without a value and a default."""
    document: dict[str, Any] = yaml.safe_load(_filled((FOLDER / file).read_text("utf-8"), variables))
    declared = set(document["volumes"])
    found = {}
    for name, written in document["services"].items():
        volumes = tuple(written.get("volumes", ()))
        for volume in volumes:
            source = volume.split(":")[0]
            assert source in declared or (FOLDER / source).is_file(), (
                f"{file}: {name} mounts {source}, which is not there"
            )
        found[name] = Service(
            command=tuple(written.get("command", ())),
            environment={key: str(value) for key, value in written.get("environment", {}).items()},
            image=written["image"],
            volumes=volumes,
            needs=tuple(written.get("depends_on", ())),
        )
    return found


def _filled(text: str, variables: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name, default = found["name"], found["default"]
        return variables.get(name) or (variables[name] if default is None else default)

    return re.sub(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?[^}]*)?\}", value, text)
