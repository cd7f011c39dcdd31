"""Names and types in headers: the true name arrives, and nothing else can be smuggled in."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivebay.contract.storage import Disposition
from drivebay.storage.headers import content_disposition, may_open, media_type, metadata_value


def full_name(header: str) -> str:
    return unquote(header.rpartition("filename*=UTF-8''")[2], errors="strict")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_name_arrives_whole_and_alone(name: str) -> None:
    header = content_disposition(name, Disposition.ATTACHMENT, "text/plain")
    assert re.fullmatch(r"""attachment; filename="[^"\\\r\n]*"; filename\*=UTF-8''[A-Za-z0-9!#$&+.^_`|~%-]*""", header)
    assert full_name(header) == name


def test_a_lone_surrogate_does_no_harm() -> None:
    assert content_disposition("\ud800.txt", Disposition.ATTACHMENT, "text/plain").isascii()


def test_a_plain_name_reads_the_same_in_the_short_form() -> None:
    assert 'filename="report (1).pdf"' in content_disposition("report (1).pdf", Disposition.ATTACHMENT, "text/plain")


@pytest.mark.parametrize("type_", ["image/png", "IMAGE/JPEG", "video/mp4", "audio/ogg; codecs=opus", "application/pdf"])
def test_harmless_types_may_be_opened(type_: str) -> None:
    assert may_open(type_)
    assert content_disposition("a", Disposition.INLINE, type_).startswith("inline;")


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
def test_what_a_browser_might_run_is_never_inline(type_: str) -> None:
    assert content_disposition("a", Disposition.INLINE, type_).startswith("attachment;")


def test_attachment_stays_attachment_for_a_harmless_type() -> None:
    assert content_disposition("a", Disposition.ATTACHMENT, "image/png").startswith("attachment;")


@pytest.mark.parametrize(
    "text", ["", "text", "text/", "a b/c", "text/plain\r\nX-Evil: 1", "text/plain;\nX: 1", "tëxt/plain"]
)
def test_what_is_no_media_type_is_known(text: str) -> None:
    assert media_type(text) is None


def test_a_media_type_is_single_spaced() -> None:
    assert media_type("text/plain;   charset=utf-8") == "text/plain; charset=utf-8"


@given(st.text())
def test_metadata_values_are_what_a_header_carries(text: str) -> None:
    assert re.fullmatch(r"[!-~]*", metadata_value(text))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_metadata_value_can_be_read_again(text: str) -> None:
    assert unquote(metadata_value(text), errors="strict") == text


def test_a_percent_sign_of_a_name_is_no_escape() -> None:
    assert metadata_value("a%20b") != metadata_value("a b")
