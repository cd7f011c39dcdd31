"""The notification rule of a bucket, with which the store reports new objects.

The notification configuration is one document, and a PUT replaces the whole document. So the rules of the operator are
sent back unchanged, and a document that cannot be read completely is not replaced. Source:
PutBucketNotificationConfiguration in the Amazon S3 API reference.
"""

from __future__ import annotations

from typing import Final

from .xml_documents import Element, InvalidXml, build, children, local_name, parse, serialize, without_namespace

EVENTS: Final = tuple(f"s3:ObjectCreated:{action}" for action in ("Put", "Post", "Copy", "CompleteMultipartUpload"))
"""The events of our rule. `ObjectCreated:*` would include changes of tags and retention, which do not change bytes."""
ALL_EVENTS: Final = "s3:ObjectCreated:*"
RULE_ID: Final = "drivebay"

_KINDS: Final = frozenset(f"{kind}Configuration" for kind in ("Queue", "Topic", "CloudFunction", "EventBridge"))


class UnreadableRules(Exception):
    """The bucket has rules of an unknown form, so the document must not be replaced."""


def add_rule(configuration: bytes, target: str) -> bytes | None:
    """Return the configuration with a rule that reports every new object to `target` (an ARN).

    Return None if the configuration has such a rule already. An old rule of ours is replaced. Raises UnreadableRules.
    """
    rules = _rules(configuration)
    if any(_reports_all(rule, target) for rule in rules):
        return None
    other = [rule for rule in rules if _text(rule, "Id") != RULE_ID]
    kind = _kind(target)
    events = [build("Event", event) for event in EVENTS]
    our_rule = build(f"{kind}Configuration", build("Id", RULE_ID), build(kind, target), *events)
    return serialize(build("NotificationConfiguration", *other, our_rule))


def _rules(configuration: bytes) -> list[Element]:
    try:
        root = parse(configuration)
        if local_name(root) != "NotificationConfiguration" or (root.text or "").strip():
            raise UnreadableRules
        rules = [without_namespace(rule) for rule in root]
    except InvalidXml:
        raise UnreadableRules from None
    if any(rule.tag not in _KINDS or (rule.tail or "").strip() for rule in rules):
        raise UnreadableRules
    return rules


def _reports_all(rule: Element, target: str) -> bool:
    """Return whether this rule reports every new object to the target. An operator may have created it."""
    events = {event.text for event in children(rule, "Event")}
    complete = ALL_EVENTS in events or events.issuperset(EVENTS)
    filtered = any(local_name(element) == "FilterRule" for element in rule.iter())
    return complete and not filtered and _without_region(_text(rule, _kind(target))) == _without_region(target)


def _kind(target: str) -> str:
    return "Topic" if target.split(":")[2:3] == ["sns"] else "Queue"


def _text(rule: Element, name: str) -> str:
    return next((child.text or "" for child in children(rule, name)), "")


def _without_region(arn: str) -> list[str]:
    """Return the fields of an ARN without its region, because MinIO adds one."""
    fields = arn.split(":")
    return fields[:3] + fields[4:]
