"""What may be a name, a media type, a cursor."""

import string
import unicodedata
from itertools import islice
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivebay.errors import InvalidCursor, InvalidRequest
from drivebay.files import cursor, media, names

GOOD = ["a", "report.pdf", ".hidden", "a b", "naïve", "emoji 🗂️", "\u202eexe.gpj", "x" * 255, "é" * 127, "a\\b", "..."]
BAD = ["", ".", "..", "a/b", "/", "a\0b", "a\nb", "a\rb", "\x7f", "a\x85b", "x" * 256, "é" * 128, "\ud800"]


@pytest.mark.parametrize("name", GOOD)
def test_a_good_name_is_taken_as_it_is(name: str) -> None:
    assert names.normalized(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_name_is_refused_and_the_field_is_named(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        names.normalized(name)
    assert caught.value.errors[0].field == "name"


def test_two_spellings_of_one_name_are_one() -> None:
    assert names.normalized("e\u0301") == names.normalized("\u00e9") == "\u00e9"


@given(st.text(min_size=1, max_size=300))
def test_alternatives_are_good_names_and_all_different(text: str) -> None:
    try:
        name = names.normalized(text)
    except InvalidRequest:
        return
    some = list(islice(names.alternatives(name), 120))
    assert len(set(some)) == 120
    for other in some:
        assert len(other.encode()) <= names.MAX_BYTES
        assert other != name


def test_the_number_goes_before_the_suffix() -> None:
    assert next(names.alternatives("report.pdf")) == "report (1).pdf"
    assert next(names.alternatives("Makefile")) == "Makefile (1)"
    assert next(names.alternatives(".profile")) == ".profile (1)"


@pytest.mark.parametrize(
    "text", ["text/plain", "application/vnd.a+json", 'text/plain; charset="utf-8"', "a/b;c=d ; e=f", "image/svg+xml"]
)
def test_a_media_type_is_a_media_type(text: str) -> None:
    assert media.checked(text) == text


@pytest.mark.parametrize(
    "text", ["", "text", "text/", "/plain", "text/plain\n", "text/plain\r\nX: y", "te xt/plain", "text/plain;", "é/b"]
)
def test_what_is_no_media_type_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        media.checked(text)


PLACE = cursor.Place("report.pdf", UUID(int=7))


def test_a_cursor_comes_back_as_the_place_it_was() -> None:
    assert cursor.unseal(b"k", "q", cursor.seal(b"k", "q", PLACE)) == PLACE


def test_a_cursor_of_another_query_or_key_is_refused() -> None:
    sealed = cursor.seal(b"k", "q", PLACE)
    for key, query in ((b"k", "other"), (b"other", "q")):
        with pytest.raises(InvalidCursor):
            cursor.unseal(key, query, sealed)


@given(st.data())
def test_a_cursor_with_any_one_character_changed_is_refused(data: st.DataObject) -> None:
    sealed = cursor.seal(b"k", "q", PLACE)
    at = data.draw(st.integers(0, len(sealed) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_=+/ é").filter(lambda c: c != sealed[at]))
    with pytest.raises(InvalidCursor):
        cursor.unseal(b"k", "q", sealed[:at] + other + sealed[at + 1 :])


@pytest.mark.parametrize("name", ["a", "ab", "abc"])
def test_a_place_has_one_cursor_only(name: str) -> None:
    sealed = cursor.seal(b"k", "q", cursor.Place(name, UUID(int=7)))
    for last in set(string.ascii_letters + string.digits + "-_=") - {sealed[-1]}:
        with pytest.raises(InvalidCursor):
            cursor.unseal(b"k", "q", sealed[:-1] + last)


@given(st.text(max_size=200))
def test_no_text_makes_the_cursor_parser_fail_otherwise(text: str) -> None:
    with pytest.raises(InvalidCursor):
        cursor.unseal(b"k", "q", text)
