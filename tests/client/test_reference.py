"""The documents of the SDK match its code."""

import re
from pathlib import Path

from drivebay import client

from . import reference

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "sdk.md"


def test_the_reference_matches_the_docstrings() -> None:
    assert reference.FILE.read_text("utf-8") == reference.as_markdown()


def test_the_guide_mentions_only_existing_names() -> None:
    text = GUIDE.read_text("utf-8")
    for names in re.findall(r"from drivebay\.client import (.+)", text):
        for name in names.split(", "):
            assert hasattr(client, name), name
    for method in re.findall(r"\bdrive\.(\w+)\(", text):
        assert hasattr(client.AsyncDrive, method), method
