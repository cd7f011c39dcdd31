"""The CORS rules of a bucket that allow web pages to upload and download.

The CORS configuration is one document, and a PUT replaces the whole document. So rules that are not ours are sent back
unchanged, and a document that cannot be read completely is not replaced. Source: PutBucketCors in the Amazon S3 API
reference.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from .xml_documents import Element, InvalidXml, build, children, local_name, parse, serialize, without_namespace

PAGES_RULE_ID: Final = "drivebay-pages"
REDIRECTS_RULE_ID: Final = "drivebay-redirects"
_EARLIER_RULE_IDS: Final = ("drivebay-upload", "drivebay-download")
EXPOSED_HEADERS: Final = (
    "ETag",
    "Accept-Ranges",
    "Content-Range",
    "Content-Length",
    "Content-Encoding",
    "Content-Disposition",
    "Content-Type",
    "Last-Modified",
    "Repr-Digest",
)
_OPAQUE_ORIGIN: Final = "null"
"""The origin that a browser sends after a redirect from the gateway to the store, if the page has another origin."""
_RULE_PARTS: Final = frozenset(
    {"ID", "AllowedOrigin", "AllowedMethod", "AllowedHeader", "ExposeHeader", "MaxAgeSeconds"}
)


class UnreadableRules(Exception):
    """The bucket has rules of an unknown form, so the document must not be replaced."""


def add_rules(configuration: bytes | None, origins: tuple[str, ...]) -> bytes | None:
    """Return the configuration with our rules for these origins. `configuration` is None if the bucket has no rules.

    Return None if the configuration already begins with exactly these rules. Our rules from earlier starts are
    replaced. Raises UnreadableRules.
    """
    rules = [] if configuration is None else _rules(configuration)
    our_rules = _our_rules(origins)
    others = [rule for rule in rules if not _is_ours(rule)]  # guard: cors-foreign-rules
    if [_content(rule) for rule in rules] == [_content(rule) for rule in (*our_rules, *others)]:
        return None
    # Our rules come first, because a store uses the first rule that matches, and another rule may not have our headers.
    return serialize(build("CORSConfiguration", *our_rules, *others))


def _our_rules(origins: tuple[str, ...]) -> list[Element]:
    # One rule has all methods of an origin: SeaweedFS answers a preflight from the first rule that has the origin.
    rules = [_rule(PAGES_RULE_ID, origins, ("PUT", "GET", "HEAD"))]  # guard: cors-one-rule
    if "*" not in origins:
        rules.append(_rule(REDIRECTS_RULE_ID, (_OPAQUE_ORIGIN,), ("GET", "HEAD")))  # guard: cors-redirected
    return rules


def _rule(id: str, origins: tuple[str, ...], methods: tuple[str, ...]) -> Element:
    return build(
        "CORSRule",
        build("ID", id),
        *(build("AllowedOrigin", origin) for origin in origins),
        *(build("AllowedMethod", method) for method in methods),
        build("AllowedHeader", "*"),
        *(build("ExposeHeader", header) for header in EXPOSED_HEADERS),
        build("MaxAgeSeconds", "3600"),
    )


def _rules(configuration: bytes) -> list[Element]:
    try:
        root = parse(configuration)
        if local_name(root) != "CORSConfiguration" or (root.text or "").strip():
            raise UnreadableRules
        rules = [without_namespace(rule) for rule in root]
    except InvalidXml:
        raise UnreadableRules from None
    if any(rule.tag != "CORSRule" or {part.tag for part in rule} - _RULE_PARTS for rule in rules):
        raise UnreadableRules
    return rules


def _is_ours(rule: Element) -> bool:
    id = next((part.text or "" for part in children(rule, "ID")), "")
    if id in (PAGES_RULE_ID, REDIRECTS_RULE_ID, *_EARLIER_RULE_IDS):
        return True
    return not id and _is_from_earlier_release(rule)


def _is_from_earlier_release(rule: Element) -> bool:
    """Return whether this is the rule that earlier releases of Drivebay wrote, without an id and as the only rule."""
    content = {part for part in _content(rule) if part[0] not in ("AllowedOrigin", "ID")}
    methods = {("AllowedMethod", method) for method in ("PUT", "GET", "HEAD")}
    return content == methods | {("AllowedHeader", "*"), ("ExposeHeader", "ETag"), ("MaxAgeSeconds", "3600")}


def _content(rule: Element) -> Counter[tuple[str, str]]:
    return Counter((part.tag, part.text or "") for part in rule)
