"""Valid names, media types and cursors."""

import string
import unicodedata
from itertools import islice
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivebay.errors import InvalidCursor, InvalidRequest
from drivebay.files import file_names, media_types
from drivebay.formats import signed_cursors as cursors

GOOD = ["a", "report.pdf", ".hidden", "a b", "naïve", "emoji 🗂️", "\u202eexe.gpj", "x" * 255, "é" * 127, "a\\b", "..."]
BAD = ["", ".", "..", "a/b", "/", "a\0b", "a\nb", "a\rb", "\x7f", "a\x85b", "x" * 256, "é" * 128, "\ud800"]


@pytest.mark.parametrize("name", GOOD)
def test_a_valid_name_is_kept_in_nfc(name: str) -> None:
    assert file_names.normalize_name(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize("name", BAD)
def test_an_invalid_name_is_refused_with_its_field(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        file_names.normalize_name(name)
    assert caught.value.errors[0].field == "name"


def test_two_unicode_forms_of_a_name_are_equal() -> None:
    assert file_names.normalize_name("e\u0301") == file_names.normalize_name("\u00e9") == "\u00e9"


@given(st.text(min_size=1, max_size=300))
def test_numbered_names_are_valid_and_differ(text: str) -> None:
    try:
        name = file_names.normalize_name(text)
    except InvalidRequest:
        return
    some = list(islice(file_names.numbered_names(name), 120))
    assert len(set(some)) == 120
    for other in some:
        assert len(other.encode()) <= file_names.MAX_NAME_BYTES
        assert other != name


def test_the_number_stands_before_the_suffix() -> None:
    assert next(file_names.numbered_names("report.pdf")) == "report (1).pdf"
    assert next(file_names.numbered_names("Makefile")) == "Makefile (1)"
    assert next(file_names.numbered_names(".profile")) == ".profile (1)"


@pytest.mark.parametrize(
    "text", ["text/plain", "application/vnd.a+json", 'text/plain; charset="utf-8"', "a/b;c=d ; e=f", "image/svg+xml"]
)
def test_a_valid_media_type_is_kept(text: str) -> None:
    assert media_types.check_media_type(text) == text


@pytest.mark.parametrize(
    "text", ["", "text", "text/", "/plain", "text/plain\n", "text/plain\r\nX: y", "te xt/plain", "text/plain;", "é/b"]
)
def test_an_invalid_media_type_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        media_types.check_media_type(text)


POSITION = cursors.Position("report.pdf", UUID(int=7))


def test_a_cursor_decodes_to_its_position() -> None:
    assert cursors.decode_cursor(b"k", "q", cursors.encode_cursor(b"k", "q", POSITION)) == POSITION


def test_a_cursor_of_another_query_or_key_is_refused() -> None:
    sealed = cursors.encode_cursor(b"k", "q", POSITION)
    for key, query in ((b"k", "other"), (b"other", "q")):
        with pytest.raises(InvalidCursor):
            cursors.decode_cursor(key, query, sealed)


@given(st.data())
def test_a_cursor_with_one_changed_character_is_refused(data: st.DataObject) -> None:
    sealed = cursors.encode_cursor(b"k", "q", POSITION)
    at = data.draw(st.integers(0, len(sealed) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_=+/ é").filter(lambda c: c != sealed[at]))
    with pytest.raises(InvalidCursor):
        cursors.decode_cursor(b"k", "q", sealed[:at] + other + sealed[at + 1 :])


@pytest.mark.parametrize("name", ["a", "ab", "abc"])
def test_a_position_has_exactly_one_cursor(name: str) -> None:
    sealed = cursors.encode_cursor(b"k", "q", cursors.Position(name, UUID(int=7)))
    for last in set(string.ascii_letters + string.digits + "-_=") - {sealed[-1]}:
        with pytest.raises(InvalidCursor):
            cursors.decode_cursor(b"k", "q", sealed[:-1] + last)


@given(st.text(max_size=200))
def test_any_other_text_is_an_invalid_cursor(text: str) -> None:
    with pytest.raises(InvalidCursor):
        cursors.decode_cursor(b"k", "q", text)
