"""`python -m supply.licences`: hold the licence of every locked package against `allowed.toml`.

A licence is taken from the package's own metadata: the SPDX expression, else its classifiers, else the short
text. What cannot be told is not allowed, until somebody has read its licence file and said so.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def locked() -> tuple[set[str], set[str]]:
    """Names of the packages that are shipped, and of those that only build and test."""
    packages = {each["name"]: each for each in tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]}
    own = packages["drivebay"]
    shipped = _reached(packages, [each["name"] for each in own["dependencies"]])
    tools = _reached(packages, [each["name"] for group in own["dev-dependencies"].values() for each in group])
    return shipped, tools - shipped


def _reached(packages: Mapping[str, Any], names: list[str]) -> set[str]:
    found: set[str] = set()
    while names:
        name = names.pop()
        if name in found:
            continue
        found.add(name)
        package = packages[name]
        names += [each["name"] for each in package.get("dependencies", ())]
        names += [each["name"] for extra in package.get("optional-dependencies", {}).values() for each in extra]
    return found


def licences(package: Distribution, words: Mapping[str, str]) -> tuple[str, ...]:
    """The licences that a package names. All of them must be allowed, also where it lets us choose."""
    metadata = package.metadata
    if expression := metadata.get("License-Expression"):
        return tuple(re.findall(r"[A-Za-z0-9.+-]+", re.sub(r"\b(AND|OR|WITH)\b|[()]", " ", expression)))
    said = [each.rpartition(" :: ")[2] for each in metadata.get_all("Classifier", []) if each.startswith("License ::")]
    said = [each for each in said if each != "OSI Approved"] or [str(metadata.get("License", "")).strip()]
    return tuple(words.get(each, each.splitlines()[0][:60] if each else "") for each in said)


def problems(shipped: set[str], tools: set[str]) -> Iterator[str]:
    """One line for each package whose licence is not allowed, or cannot be told."""
    rules = tomllib.loads(Path(__file__).with_name("allowed.toml").read_text("utf-8"))
    for name in sorted(shipped | tools):
        try:
            found = (
                (rules["reviewed"].get(name),)
                if name in rules["reviewed"]
                else licences(distribution(name), rules["words"])
            )
        except PackageNotFoundError:  # locked for another system than this one
            found = ("not installed here",)
        allowed = set(rules["licences"]) | (set() if name in shipped else set(rules["licences_of_tools"]))
        if not found or not all(licence in allowed for licence in found):
            yield f"{name}: {' and '.join(str(each or 'no licence') for each in found)} is not in supply/allowed.toml"


if __name__ == "__main__":
    packages = locked()
    lines = list(problems(*packages))
    print("\n".join(lines) or f"licences of {sum(map(len, packages))} packages are allowed")
    sys.exit(bool(lines))
