"""A short soak on clusters, so that `make soak CLUSTER=1` works. docs/reliability.md has the result of a longer one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak import cluster, report, run

from . import patroni_cluster

pytestmark = pytest.mark.skipif(patroni_cluster.ETCD is None, reason="etcd is not installed")


async def test_nothing_is_lost_in_a_soak_of_a_cluster(tmp_path: Path) -> None:
    result = await run.run(tmp_path, seed=20261129, seconds=90, user_count=6, min_puts=60, start=cluster.start)
    print(report.as_text(result))
    assert result.violations == (), report.as_text(result)
    # Enough faults were injected, and enough uploads succeeded, to test anything.
    assert sum(result.faults.values()) > 10
    assert result.outcomes[run.STORED] > 50
