"""The files of the web app: vendored libraries, languages, sizes."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from drivebay.errors import BY_CODE
from drivebay.web import assets

STATIC = assets.FOLDER
SOURCES = sorted(path for path in STATIC.rglob("*.js") if path.parent.name != "vendor")
FIRST_PAGE_BYTES = 112 * 1024
_CODES = ("error.", "copies.error_", "signIn.refused_")
_TEXT = re.compile(r"^  '([\w.]+)':", re.MULTILINE)


def source_texts() -> list[str]:
    return [path.read_text() for path in SOURCES if "texts" not in path.parts]


def texts_of(language: str) -> dict[str, str]:
    """Return the source of each text by its key."""
    found: dict[str, str] = {}
    for path in (STATIC / "texts" / language).glob("*.js"):
        parts = _TEXT.split(path.read_text())[1:]
        found |= dict(zip(parts[::2], parts[1::2], strict=True))
    return found


def values(text: str) -> tuple[set[str], bool]:
    """Return the names of the values in a text, and whether it has plural forms."""
    return set(re.findall(r"\{(\w+)\}", text)), bool(re.search(r"\bone:", text))


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
    used = {key for text in source_texts() for key in re.findall(r"\bt\(\s*'([\w.]+)'", text)}
    assert used <= known


def test_every_text_is_used() -> None:
    """The sources name each key: as a literal, by a template such as `views.${role}`, or as a choice of a `RoleSelect`.

    What a template makes stands in the sources as a literal too, except for codes of the API.
    """
    sources = "\n".join(source_texts())
    literals = set(re.findall(r"'([\w.]+)'", sources))
    templates = [
        re.compile(r"(\w+)".join(map(re.escape, re.split(r"\$\{[^}]*\}", template))))
        for template in re.findall(r"`([\w.$\{\} ?:']+)`", sources)
        if re.match(r"\w+\.\w*\$|\$\{\w+\}\.\w+$", template)
    ]
    choices = set(re.findall(r'texts="(\w+)"', sources))

    def is_used(key: str) -> bool:
        view, _, name = key.partition(".")
        is_choice = view in choices and (name in literals or literals.issuperset(name.split("_")))
        made = [found.groups() for template in templates if (found := template.fullmatch(key))]
        is_code = key.startswith(_CODES)
        return key in literals or is_choice or any(is_code or literals.issuperset(values) for values in made)

    assert {key for key in text_keys("en") if not is_used(key)} == set()


def test_each_text_of_an_error_is_that_of_a_code() -> None:
    """Codes come from the API, so no source names them."""
    literals = set(re.findall(r"'([\w.]+)'", "\n".join(source_texts())))
    texts = {key for key in text_keys("en") if key.startswith("error.") and key not in literals}
    made = {"passkey_ended", "passkey_known", "passkey_none"}
    assert {key.removeprefix("error.") for key in texts} - set(BY_CODE) == made
    of_copies = {key.removeprefix("copies.error_") for key in text_keys("en") if key.startswith("copies.error_")}
    assert of_copies <= set(BY_CODE)


def test_the_texts_of_all_languages_have_the_same_values_and_forms() -> None:
    """A value such as `{name}` that one language leaves out is a text that does not say what happened."""
    english, german = texts_of("en"), texts_of("de")
    assert {key: values(text) for key, text in english.items()} == {key: values(text) for key, text in german.items()}


def test_each_source_is_short() -> None:
    assert [path.name for path in SOURCES if len(path.read_text().splitlines()) > 400] == []


def test_no_source_makes_markup_from_text() -> None:
    sinks = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function")
    assert [path.name for path in SOURCES if sinks.search(path.read_text())] == []


def test_the_first_page_is_small() -> None:
    """Count the page and what it loads before a view is chosen, with the first view and one language."""
    read = assets.read_assets()
    bodies = {name: asset.body for name, asset in read.files.items()}
    modules = assets.static_imports(bodies, ("start.js", "app.js", "views/files.js", "texts/en.js"))
    loaded = {*modules, "icon.svg", *(name for name in read.files if name.startswith("styles/"))}
    later = {"lib/copies.js", "components/copy_panel.js", "components/upload_panel.js"}
    assert later <= set(read.files)
    assert not later & loaded
    sizes = {name: len(read.files[name].compressed or read.files[name].body) for name in loaded}
    assert {"vendor/preact.js", "vendor/signals_core.js", "texts/en/files.js"} <= set(sizes)
    assert sum(sizes.values()) + len(read.page) < FIRST_PAGE_BYTES


def test_the_version_changes_with_each_file(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("{{version}} {{name}}")
    (tmp_path / "app.js").write_text("one")
    before = assets.read_assets(tmp_path)
    (tmp_path / "app.js").write_text("two")
    assert assets.read_assets(tmp_path).version != before.version
    assert before.render_page({"name": "<b>"}).body.decode() == f"{before.version} &lt;b&gt;"
