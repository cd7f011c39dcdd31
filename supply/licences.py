"""`python -m supply.licences`: check the licence of every locked package against `allowed.toml`.

The licence comes from the metadata of the package: the SPDX expression, else the classifiers, else the licence text. A
package without a known licence is not allowed until somebody adds it to `reviewed` in `allowed.toml`.
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
_MAX_LICENCE_LENGTH = 60
"""Characters of an unknown licence text that are shown."""


def locked_packages() -> tuple[set[str], set[str]]:
    """Return the names of the shipped packages, and of the others: those of extras, and those that build and test."""
    packages = {each["name"]: each for each in tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]}
    drivebay = packages["drivebay"]
    shipped = _with_dependencies(packages, [each["name"] for each in drivebay["dependencies"]])
    dev_names = [each["name"] for group in drivebay["dev-dependencies"].values() for each in group]
    dev_names += [each["name"] for extra in drivebay["optional-dependencies"].values() for each in extra]
    return shipped, _with_dependencies(packages, dev_names) - shipped


def _with_dependencies(packages: Mapping[str, Any], names: list[str]) -> set[str]:
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


def package_licences(package: Distribution, spdx_names: Mapping[str, str]) -> tuple[str, ...]:
    """Return the licences in the metadata of a package, `("",)` if there is none.

    Alternatives are returned too, so all of them must be allowed. `spdx_names` maps other names of licences to theirs
    in SPDX.
    """
    metadata = package.metadata
    if expression := metadata.get("License-Expression"):
        return tuple(re.findall(r"[A-Za-z0-9.+-]+", re.sub(r"\b(AND|OR|WITH)\b|[()]", " ", expression)))
    classifiers = [each for each in metadata.get_all("Classifier", []) if each.startswith("License ::")]
    names = [each.rpartition(" :: ")[2] for each in classifiers]
    names = [each for each in names if each != "OSI Approved"] or [str(metadata.get("License", "")).strip()]
    return tuple(spdx_names.get(each, each.splitlines()[0][:_MAX_LICENCE_LENGTH] if each else "") for each in names)


def find_problems(shipped: set[str], tools: set[str]) -> Iterator[str]:
    """Yield one line for each package whose licence is not allowed or unknown."""
    rules = tomllib.loads(Path(__file__).with_name("allowed.toml").read_text("utf-8"))
    for name in sorted(shipped | tools):
        if name in rules["reviewed"]:
            licences = (rules["reviewed"][name],)
        else:
            try:
                licences = package_licences(distribution(name), rules["spdx_names"])
            except PackageNotFoundError:  # the lock file names packages for other systems too
                licences = ("not installed here",)
        allowed = set(rules["licences"]) | (set() if name in shipped else set(rules["licences_of_tools"]))
        if not licences or not all(licence in allowed for licence in licences):
            yield f"{name}: {' and '.join(each or 'no licence' for each in licences)} is not in supply/allowed.toml"


if __name__ == "__main__":
    packages = locked_packages()
    problems = list(find_problems(*packages))
    print("\n".join(problems) or f"the licences of {sum(map(len, packages))} packages are allowed")
    sys.exit(bool(problems))
