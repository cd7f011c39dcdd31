"""The notification rule is added once, beside the rules of others. Rules that cannot be read are not touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from aiohttp import web
from scripted_store import Script, error_response, run_store
from structlog.testing import capture_logs

from drivebay.storage import service
from drivebay.storage.s3.notification_rules import EVENTS, UnreadableRules, add_rule
from drivebay.storage.settings import Settings

TARGET = "arn:minio:sqs::drivebay:nats"
XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
EMPTY = f"<NotificationConfiguration {XMLNS}></NotificationConfiguration>"
OTHER_RULE = (
    "<QueueConfiguration><Id>a&amp;b</Id><Event>s3:ObjectRemoved:*</Event><Filter><S3Key><FilterRule>"
    "<Name>prefix</Name><Value>logs/</Value></FilterRule></S3Key></Filter>"
    "<Queue>arn:minio:sqs::other:kafka</Queue></QueueConfiguration>"
)


def configuration(*rules: str) -> str:
    return f"<NotificationConfiguration {XMLNS}>{''.join(rules)}</NotificationConfiguration>"


def rule(*events: str, queue: str = TARGET, id: str = "mine", more: str = "") -> str:
    elements = "".join(f"<Event>{event}</Event>" for event in events)
    return f"<QueueConfiguration><Id>{id}</Id>{elements}<Queue>{queue}</Queue>{more}</QueueConfiguration>"


def add_rule_to_text(text: str, target: str = TARGET) -> str | None:
    changed = add_rule(text.encode(), target)
    return None if changed is None else changed.decode()


def canonical_rules(text: str) -> list[str]:
    """Each rule in the one canonical form of XML, so that equal rules are equal texts."""
    return [ElementTree.canonicalize(ElementTree.tostring(each)) for each in ElementTree.fromstring(text)]


@pytest.mark.parametrize(
    "empty",
    [
        EMPTY,
        "<NotificationConfiguration/>",
        '<?xml version="1.0" encoding="UTF-8"?>\n' + EMPTY + "\n",
    ],
)
def test_the_rule_names_the_target_and_the_four_events_of_a_new_object(empty: str) -> None:
    changed = add_rule_to_text(empty)
    assert changed is not None
    assert changed.count("<Event>") == 4
    for how in ("Put", "Post", "Copy", "CompleteMultipartUpload"):
        assert f"<Event>s3:ObjectCreated:{how}</Event>" in changed
    assert f"<Id>drivebay</Id><Queue>{TARGET}</Queue>" in changed


def test_a_rule_that_exists_is_not_added_again() -> None:
    once = add_rule_to_text(EMPTY)
    assert once is not None
    assert add_rule_to_text(once) is None


def test_rules_of_others_stay_unchanged_and_an_old_rule_of_ours_is_replaced() -> None:
    old = rule(*EVENTS, queue="arn:minio:sqs::old:nats", id="drivebay")
    present = configuration(OTHER_RULE, old, "<EventBridgeConfiguration/>")
    changed = add_rule_to_text(present)
    assert changed is not None
    before, after = canonical_rules(present), canonical_rules(changed)
    assert after[:2] == [before[0], before[2]]
    assert len(after) == 3
    assert "sqs::old:nats" not in changed


@pytest.mark.parametrize("events", [EVENTS, ("s3:ObjectCreated:*",), (*EVENTS, "s3:ObjectRemoved:*")])
def test_a_complete_rule_of_an_operator_is_enough(events: tuple[str, ...]) -> None:
    # MinIO adds its region to every ARN.
    assert add_rule_to_text(configuration(rule(*events, queue="arn:minio:sqs:eu-west:drivebay:nats"))) is None


@pytest.mark.parametrize(
    "present",
    [
        rule("s3:ObjectCreated:Put"),
        rule(*EVENTS, queue="arn:minio:sqs::other:nats"),
        rule(*EVENTS, more="<Filter><S3Key><FilterRule><Name>prefix</Name></FilterRule></S3Key></Filter>"),
    ],
)
def test_a_rule_that_reports_less_is_not_enough(present: str) -> None:
    changed = add_rule_to_text(configuration(present))
    assert changed is not None
    assert canonical_rules(configuration(present))[0] in canonical_rules(changed)


def test_a_topic_gets_a_topic_rule() -> None:
    topic = "arn:aws:sns:default::drivebay"
    changed = add_rule_to_text(EMPTY, topic)
    assert changed is not None
    assert f"<TopicConfiguration><Id>drivebay</Id><Topic>{topic}</Topic>" in changed
    assert add_rule_to_text(changed, topic) is None


@pytest.mark.parametrize(
    "present",
    [
        "",
        "no xml",
        "<Error/>",
        "<a></a>",
        configuration("<NewKindConfiguration/>"),
        configuration(OTHER_RULE, "more"),
        configuration("text", OTHER_RULE),
        configuration('<QueueConfiguration xmlns="urn:other"/>'),
        configuration('<QueueConfiguration><New xmlns="urn:other"/></QueueConfiguration>'),
        f"<!DOCTYPE a>{EMPTY}",
    ],
)
def test_rules_that_cannot_be_read_completely_are_not_changed(present: str) -> None:
    with pytest.raises(UnreadableRules):
        add_rule_to_text(present)


# -- at the start of the service -------------------------------------------------------------------


async def start_service(script: Script, **changes: object) -> tuple[list[str], list[tuple[str, str]]]:
    """Start a service on this store. Return the log's events, and the requests about notification rules."""
    async with run_store(script) as store:
        settings = replace(Settings(store.endpoint, "key", "s", bucket="b", events_target=TARGET), **changes)
        with capture_logs() as logs:
            async with service.open(settings, now=lambda: datetime.now(UTC)) as storage:
                await storage.get_capabilities()
        requests = [(method, path) for method, path in store.requests if "notification" in path]
    return [log["event"] for log in logs], requests


def store_with_rules(present: str, *, keeps_changes: bool) -> Script:
    """A store with a notification configuration. It accepts changes, and keeps them or not."""
    current = present

    async def script(request: web.Request, body: bytes) -> web.Response | None:
        nonlocal current
        if "notification" not in request.query:
            return None
        if request.method == "PUT" and keeps_changes:
            current = body.decode()
        return web.Response(text=current if request.method == "GET" else "")

    return script


async def test_the_first_start_adds_the_rule_and_the_second_finds_it() -> None:
    script = store_with_rules(EMPTY, keeps_changes=True)
    events, requests = await start_service(script)
    assert "store_sends_events" in events
    assert [method for method, _ in requests] == ["GET", "PUT", "GET"]
    events, requests = await start_service(script)
    assert "store_sends_events" in events
    assert [method for method, _ in requests] == ["GET"]


async def refuses_changes(request: web.Request, body: bytes) -> web.Response | None:
    if "notification" not in request.query:
        return None
    return web.Response(text=EMPTY) if request.method == "GET" else error_response(400, "InvalidArgument")


async def has_no_rules(request: web.Request, body: bytes) -> web.Response | None:
    return error_response(501, "NotImplemented") if "notification" in request.query else None


@pytest.mark.parametrize(
    "script",
    [
        refuses_changes,
        has_no_rules,
        store_with_rules(EMPTY, keeps_changes=False),
        store_with_rules("<new/>", keeps_changes=True),
    ],
)
async def test_a_store_that_sends_no_events_is_used_and_logged(script: Script) -> None:
    events, _ = await start_service(script)
    assert "store_sends_no_events" in events
    assert "store_ready" in events


async def test_without_a_target_the_rules_are_not_read_or_changed() -> None:
    assert (await start_service(store_with_rules(EMPTY, keeps_changes=True), events_target=None))[1] == []
