"""Read and write the XML of S3.

The parser is the parser of the standard library. S3 never sends a document type declaration, so a response with one is
refused before the parser reads entities. So no response can make the parser expand entities or fetch anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NoReturn
from xml.etree import ElementTree

NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"

Element = ElementTree.Element


class InvalidXml(Exception):
    """The text is not an XML document that S3 could have sent."""


class _Builder(ElementTree.TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> NoReturn:
        raise InvalidXml("a document type declaration is not allowed")


def parse(body: bytes) -> Element:
    """Return the root element of a document. Raises InvalidXml.

    Spaces before the document are allowed, because some stores send them to keep a slow call open.
    """
    parser = ElementTree.XMLParser(target=_Builder())  # noqa: S314  `_Builder` refuses declarations of entities
    try:
        parser.feed(body.lstrip())
        return parser.close()
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # Lookup, Value: an unknown encoding
        raise InvalidXml(str(error)) from None


def local_name(element: Element) -> str:
    """Return the name of an element without its namespace, because stores send different namespaces."""
    return element.tag.rpartition("}")[2]


def children(element: Element, name: str) -> Iterator[Element]:
    """Yield the children with this local name, in order."""
    return (child for child in element if local_name(child) == name)


def fields(element: Element) -> dict[str, str]:
    """Return the text of each child by local name."""
    return {child.tag.rpartition("}")[2]: child.text or "" for child in element}


def build(name: str, *content: Element | str) -> Element:
    """Return an element with this content."""
    element = Element(name)
    for item in content:
        if isinstance(item, str):
            element.text = item
        else:
            element.append(item)
    return element


def serialize(root: Element) -> bytes:
    """Return a document in the namespace of S3. The elements have plain names, without a namespace."""
    root.set("xmlns", NAMESPACE)
    return ElementTree.tostring(root, encoding="unicode").encode()


def without_namespace(element: Element) -> Element:
    """Return a copy without namespaces. Raises InvalidXml for names and attributes of other namespaces than S3."""
    namespace, _, name = element.tag.rpartition("}")
    if namespace not in ("", "{" + NAMESPACE) or any("}" in attribute for attribute in element.attrib):
        raise InvalidXml(f"{element.tag} is not in the namespace of S3")
    copy = Element(name, element.attrib)
    copy.text, copy.tail = element.text, element.tail
    copy.extend([without_namespace(child) for child in element])
    return copy
