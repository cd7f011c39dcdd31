"""`python -m tests.deploy.chart`: render the chart with helm, which must be installed, into the manifests."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

_DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = _DEPLOY / "helm" / "drivebay"
RENDERED = _DEPLOY / "kubernetes" / "drivebay.yaml"


def header() -> str:
    """The first line of the manifests: which chart they are of."""
    digest = hashlib.sha256()
    for file in sorted(path for path in CHART.rglob("*") if path.is_file()):
        digest.update(str(file.relative_to(CHART)).encode() + b"\0" + file.read_bytes() + b"\0")
    return f"# Rendered by `make chart` from deploy/helm/drivebay ({digest.hexdigest()[:16]}); change it there."


def render() -> str:
    subprocess.run(["helm", "lint", "--quiet", str(CHART)], check=True, timeout=60)
    told = subprocess.run(
        ["helm", "template", "drivebay", str(CHART), "--kube-version", "1.33"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return f"{header()}\n{told.stdout}"


if __name__ == "__main__":
    try:
        RENDERED.write_text(render(), "utf-8")
    except FileNotFoundError:
        sys.exit("helm is not installed: https://helm.sh/docs/intro/install/")
