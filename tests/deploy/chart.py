"""`python -m tests.deploy.chart` renders the chart into the manifests. It needs helm."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

_DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = _DEPLOY / "helm" / "drivebay"
RENDERED = _DEPLOY / "kubernetes" / "drivebay.yaml"
ALL_OPTIONS = Path(__file__).with_name("all_options.yaml")
"""Values that use every option that is off by default."""
RENDERED_ALL_OPTIONS = Path(__file__).with_name("all_options_rendered.yaml")


def header(*, with_all_options: bool = False) -> str:
    """Return the first line of the manifests, which identifies the chart and the values."""
    digest = hashlib.sha256()
    for file in sorted(path for path in CHART.rglob("*") if path.is_file()):
        digest.update(str(file.relative_to(CHART)).encode() + b"\0" + file.read_bytes() + b"\0")
    if with_all_options:
        digest.update(ALL_OPTIONS.read_bytes())
    return f"# Rendered by `make chart` from deploy/helm/drivebay ({digest.hexdigest()[:16]}); change it there."


def render(*, with_all_options: bool = False) -> str:
    values = ["--values", str(ALL_OPTIONS)] if with_all_options else []
    subprocess.run(["helm", "lint", "--quiet", str(CHART)], check=True, timeout=60)
    rendered = subprocess.run(
        ["helm", "template", "drivebay", str(CHART), "--kube-version", "1.33", *values],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return f"{header(with_all_options=with_all_options)}\n{rendered.stdout}"


if __name__ == "__main__":
    try:
        RENDERED.write_text(render(), "utf-8")
        RENDERED_ALL_OPTIONS.write_text(render(with_all_options=True), "utf-8")
    except FileNotFoundError:
        sys.exit("helm is not installed: https://helm.sh/docs/intro/install/")
