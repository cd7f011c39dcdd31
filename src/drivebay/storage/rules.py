"""The rule by which a store tells of new objects: one block in its bucket's notification configuration.

The configuration is one document for everybody, and a PUT replaces all of it. So what an operator has there is
kept to the letter, and a document that cannot be read in full is left alone.
Source: PutBucketNotificationConfiguration in the Amazon S3 API reference.
"""

from __future__ import annotations

import re
from html import escape as escape_xml
from html import unescape as unescape_xml
from typing import Final

EVENTS: Final = tuple(f"s3:ObjectCreated:{how}" for how in ("Put", "Post", "Copy", "CompleteMultipartUpload"))
"""By name: `ObjectCreated:*` also tells of tags and retention, which change no byte."""
ALL_EVENTS: Final = "s3:ObjectCreated:*"
NAME: Final = "drivebay"

_RULE: Final = re.compile(
    r"<(Queue|Topic|CloudFunction|EventBridge)Configuration(?:\s*/>|>(.*?)</\1Configuration>)", re.DOTALL
)
_FRAME: Final = re.compile(
    r"\s*(?:<\?xml[^>]*\?>)?\s*<NotificationConfiguration\b[^>]*?(?:/>|>(.*)</[^>]*>)\s*", re.DOTALL
)
_EVENT: Final = re.compile(r"<Event>([^<]*)</Event>")
_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"


class NotReadable(Exception):
    """The bucket has rules of a form that is not known here, so none is added to them."""


def added(configuration: str, target: str) -> str | None:
    """The configuration with a rule that tells `target` (an ARN) of every new object; None if it has one.

    Raises NotReadable.
    """
    rules = _rules(configuration)
    if any(_tells(rule, target) for rule in rules):
        return None
    kept = [rule for rule in rules if _field(rule, "Id") != NAME]
    kind = _kind(target)
    events = "".join(f"<Event>{event}</Event>" for event in EVENTS)
    own = f"<{kind}Configuration><Id>{NAME}</Id><{kind}>{escape_xml(target)}</{kind}>{events}</{kind}Configuration>"
    return f'<NotificationConfiguration xmlns="{_NAMESPACE}">{"".join([*kept, own])}</NotificationConfiguration>'


def _rules(configuration: str) -> list[str]:
    frame = _FRAME.fullmatch(configuration)
    if frame is None or _RULE.sub("", frame[1] or "").strip():
        raise NotReadable
    return [found[0] for found in _RULE.finditer(frame[1] or "")]


def _tells(rule: str, target: str) -> bool:
    """Whether this rule tells the target of all we want to hear, whoever made it."""
    events = set(_EVENT.findall(rule))
    whole = ALL_EVENTS in events or events.issuperset(EVENTS)
    return whole and "<FilterRule>" not in rule and _place(_field(rule, _kind(target))) == _place(target)


def _kind(target: str) -> str:
    return "Topic" if _place(target)[2:3] == ["sns"] else "Queue"


def _field(rule: str, name: str) -> str:
    found = re.search(f"<{name}>([^<]*)</{name}>", rule)
    return unescape_xml(found[1]) if found else ""


def _place(arn: str) -> list[str]:
    """An ARN without its region, which MinIO fills in by itself."""
    parts = arn.split(":")
    return parts[:3] + parts[4:]
