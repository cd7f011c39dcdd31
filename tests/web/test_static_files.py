"""The files of the web app: vendored libraries, languages, sizes."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from drivebay.web import assets

STATIC = assets.FOLDER
SOURCES = sorted(path for path in STATIC.rglob("*.js") if path.parent.name != "vendor")
FIRST_PAGE_BYTES = 120 * 1024
_TEXT = re.compile(r"^  '([\w.]+)':", re.MULTILINE)
_STATIC_IMPORT = re.compile(
    r"^(?:import|export)[^;]*?from\s*['\"](\.[^'\"]+)['\"]|^import ['\"](\.[^'\"]+)['\"]", re.MULTILINE
)


def text_keys(language: str) -> set[str]:
    return {key for path in (STATIC / "texts" / language).glob("*.js") for key in _TEXT.findall(path.read_text())}


def test_each_vendored_file_is_the_one_of_the_manifest() -> None:
    listed = json.loads((STATIC / "vendor" / "manifest.json").read_text())["files"]
    assert {each["file"] for each in listed} == {path.name for path in (STATIC / "vendor").glob("*.js")}
    for each in listed:
        body = (STATIC / "vendor" / each["file"]).read_bytes()
        assert hashlib.sha256(body).hexdigest() == each["sha256"], each["file"]
        assert (STATIC / "vendor" / each["licence_file"]).stat().st_size > 500


def test_every_language_has_every_text() -> None:
    assert text_keys("en") == text_keys("de")


def test_every_text_in_use_exists() -> None:
    known = text_keys("en")
    used = {
        key
        for path in SOURCES
        if "texts" not in path.parts
        for key in re.findall(r"\bt\(\s*'([\w.]+)'", path.read_text())
    }
    assert used <= known


def test_each_source_is_short() -> None:
    assert [path.name for path in SOURCES if len(path.read_text().splitlines()) > 400] == []


def test_no_source_makes_markup_from_text() -> None:
    sinks = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function")
    assert [path.name for path in SOURCES if sinks.search(path.read_text())] == []


def test_the_first_page_is_small() -> None:
    """Count the page and what it loads before a view is chosen, with the first view and one language."""
    read = assets.read_assets()
    waiting = ["app.js", "views/files.js", "texts/en.js", "styles/tokens.css", "icon.svg"]
    waiting += [name for name in read.files if name.startswith("styles/")]
    loaded: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in loaded:
            continue
        loaded.add(name)
        if name.endswith(".js"):
            folder = (STATIC / name).parent
            found = [first or second for first, second in _STATIC_IMPORT.findall(read.files[name].body.decode())]
            waiting += [(folder / each).resolve().relative_to(STATIC.resolve()).as_posix() for each in found]
    sizes = {name: len(read.files[name].compressed or read.files[name].body) for name in loaded}
    assert "vendor/preact.js" in sizes
    assert sum(sizes.values()) + len(read.page) < FIRST_PAGE_BYTES


def test_the_version_changes_with_each_file(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("{{version}} {{name}}")
    (tmp_path / "app.js").write_text("one")
    before = assets.read_assets(tmp_path)
    (tmp_path / "app.js").write_text("two")
    assert assets.read_assets(tmp_path).version != before.version
    assert before.render_page({"name": "<b>"}).body.decode() == f"{before.version} &lt;b&gt;"
