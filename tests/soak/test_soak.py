"""Two minutes of everything breaking. The hour is `make soak MINUTES=60`; its figures are in docs/reliability.md."""

from pathlib import Path

import pytest

from . import soak


@pytest.mark.slow
async def test_two_minutes_of_faults_lose_nothing(tmp_path: Path) -> None:
    report = await soak.run(tmp_path, seed=20261123, seconds=120, users=12)
    print(soak.as_text(report))
    assert report.violations == (), soak.as_text(report)
    # It was a soak, and not a stroll: most kinds of faults came, and users got most of their work done.
    assert sum(report.faults.values()) > 50
    assert report.outcomes["upload stored: complete"] > 200
