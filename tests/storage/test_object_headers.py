"""Names and types in headers: a client gets the name unchanged, and a name cannot inject another header."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivebay.contract.storage import Disposition
from drivebay.formats.content_disposition import ascii_name, content_disposition
from drivebay.storage.media_types import is_safe_inline, media_type
from drivebay.storage.url_signing import download_disposition


def full_name(header: str) -> str:
    return unquote(header.rpartition("filename*=UTF-8''")[2], errors="strict")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_name_arrives_unchanged_and_adds_nothing(name: str) -> None:
    header = content_disposition(name)
    assert re.fullmatch(r"""attachment; filename="[^"\\\r\n]*"; filename\*=UTF-8''[A-Za-z0-9!#$&+.^_`|~%-]*""", header)
    assert full_name(header) == name


def test_a_single_surrogate_is_replaced() -> None:
    assert content_disposition("\ud800.txt").isascii()


def test_an_ascii_name_is_unchanged_in_the_short_form() -> None:
    assert 'filename="report (1).pdf"' in content_disposition("report (1).pdf")


@pytest.mark.parametrize("type_", ["image/png", "IMAGE/JPEG", "video/mp4", "audio/ogg; codecs=opus", "application/pdf"])
def test_safe_types_may_be_inline(type_: str) -> None:
    assert is_safe_inline(type_)
    assert download_disposition("a", Disposition.INLINE, type_).startswith("inline;")


@pytest.mark.parametrize(
    "type_",
    [
        "text/html",
        "image/svg+xml",
        "IMAGE/SVG+XML; charset=utf-8",
        " image/svg+xml",
        "application/xhtml+xml",
        "text/xml",
        "application/javascript",
        "text/plain",
        "image/png, text/html",
        "image/",
        "",
    ],
)
def test_types_that_a_browser_may_run_are_never_inline(type_: str) -> None:
    assert download_disposition("a", Disposition.INLINE, type_).startswith("attachment;")


def test_an_attachment_of_a_safe_type_stays_an_attachment() -> None:
    assert download_disposition("a", Disposition.ATTACHMENT, "image/png").startswith("attachment;")


@pytest.mark.parametrize(
    "text", ["", "text", "text/", "a b/c", "text/plain\r\nX-Evil: 1", "text/plain;\nX: 1", "tëxt/plain"]
)
def test_an_invalid_media_type_is_refused(text: str) -> None:
    assert media_type(text) is None


def test_a_media_type_is_single_spaced() -> None:
    assert media_type("text/plain;   charset=utf-8") == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Résumé.pdf", "Resume.pdf"),
        ("Отчет.docx", "Otchet.docx"),
        ("文件.tar.gz", "WenJian.tar.gz"),
        ("Größe 10%.txt", "Grosse 10_.txt"),
        ("\u202e.txt", "download.txt"),
        ("Résumé", "Resume"),
        (".Ünicode", ".Unicode"),
        ('a/b\\c"d.txt', "a_b_c_d.txt"),
        ("draft.Résumé final", "draft.Resume final"),
        ("...", "download"),
        ("é" * 250 + ".pdf", "e" * 150 + ".pdf"),
        ("\r\nSet-Cookie: a=1", "__Set-Cookie_ a=1"),
    ],
)
def test_the_short_name_is_readable_and_keeps_its_extension(name: str, short: str) -> None:
    header = content_disposition(name)
    assert header.startswith(f'attachment; filename="{short}"; ')
    assert full_name(header) == name


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_the_short_name_is_never_empty(name: str) -> None:
    assert ascii_name(name).strip(" ._")
