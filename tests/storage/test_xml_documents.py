"""The parser reads every form of S3's XML, and refuses what could harm us."""

from __future__ import annotations

import pytest

from drivebay.storage.s3.xml_documents import (
    NAMESPACE,
    InvalidXml,
    build,
    children,
    fields,
    local_name,
    parse,
    serialize,
    without_namespace,
)

ENTITY_BOMB = (
    '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {name} "{f"&{previous};" * 10}">' for previous, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]><a>&i;</a>"
)
EXTERNAL_ENTITY = '<!DOCTYPE a [<!ENTITY file SYSTEM "file:///etc/hostname">]><a>&file;</a>'
EXTERNAL_DTD = '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>'


@pytest.mark.parametrize("namespace", ["", f' xmlns="{NAMESPACE}"', ' xmlns="http://s3.amazonaws.com/other/"'])
def test_elements_are_found_in_any_namespace(namespace: str) -> None:
    root = parse(f"<List{namespace}><Item><Key>a</Key></Item><Item><Key>b</Key></Item><End/></List>".encode())
    assert local_name(root) == "List"
    assert [fields(item) for item in children(root, "Item")] == [{"Key": "a"}, {"Key": "b"}]


def test_a_prefix_is_not_part_of_a_name() -> None:
    root = parse(f'<s3:List xmlns:s3="{NAMESPACE}"><s3:Key>a</s3:Key></s3:List>'.encode())
    assert (local_name(root), fields(root)) == ("List", {"Key": "a"})


def test_escaped_characters_are_decoded() -> None:
    root = parse("<a><Key>x&amp;&lt;&gt;&quot;&apos;&#34;&#xfc;ü</Key><Key2><![CDATA[<&>]]></Key2></a>".encode())
    assert fields(root) == {"Key": 'x&<>"\'"üü', "Key2": "<&>"}


def test_a_document_may_begin_with_spaces_and_a_declaration() -> None:
    assert local_name(parse(b' \r\n <?xml version="1.0" encoding="UTF-8"?>\n<a/>\n')) == "a"


@pytest.mark.parametrize("text", [ENTITY_BOMB, EXTERNAL_ENTITY, EXTERNAL_DTD, "<!DOCTYPE a><a/>"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused_in_any_encoding(text: str, encoding: str) -> None:
    with pytest.raises(InvalidXml, match="document type"):
        parse(text.encode(encoding))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no xml",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a>&undefined;</a>",
        b"<a>\x00</a>",
        b"<a>\xff</a>",
        b'<?xml version="1.0" encoding="none"?><a/>',
        b'<?xml version="1.0" encoding="utf-7"?><a/>',
    ],
)
def test_anything_but_a_whole_document_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidXml):
        parse(body)


def test_a_deeply_nested_document_does_not_end_the_process() -> None:
    depth = 200_000
    root = parse(b"<a>" * depth + b"</a>" * depth)
    assert local_name(root) == "a"


def test_a_written_document_reads_the_same() -> None:
    text = "a&b<c>'d\" ü\U0001f600"
    body = serialize(build("Delete", build("Quiet", "true"), build("Object", build("Key", text))))
    assert body.startswith(f'<Delete xmlns="{NAMESPACE}"><Quiet>true</Quiet>'.encode())
    (item,) = children(parse(body), "Object")
    assert fields(item) == {"Key": text}


@pytest.mark.parametrize(
    "body", [b'<a xmlns="urn:other"/>', b'<a xmlns:x="urn:other"><x:b/></a>', b'<a x:b="" xmlns:x="u:o"/>']
)
def test_names_of_another_namespace_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidXml):
        without_namespace(parse(body))
