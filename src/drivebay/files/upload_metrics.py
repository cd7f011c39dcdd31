"""Metrics of commits and of ended uploads."""

from __future__ import annotations

from prometheus_client import Counter

COMMITS = Counter("drivebay_files_commits", "Commits by outcome", ["outcome"])
ENDED_UPLOADS = Counter("drivebay_files_uploads", "Ended uploads by outcome", ["outcome"])
