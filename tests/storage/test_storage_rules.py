"""The notification rule is added beside what is there, once, and to nothing that cannot be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aiohttp import web
from structlog.testing import capture_logs
from stubborn import Answer, refusal, stubborn

from drivebay.storage import rules, service
from drivebay.storage.service import Settings

TARGET = "arn:minio:sqs::drivebay:nats"
XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
EMPTY = f"<NotificationConfiguration {XMLNS}></NotificationConfiguration>"
FOREIGN = (
    "<QueueConfiguration><Id>a&amp;b</Id><Event>s3:ObjectRemoved:*</Event><Filter><S3Key><FilterRule>"
    "<Name>prefix</Name><Value>logs/</Value></FilterRule></S3Key></Filter>"
    "<Queue>arn:minio:sqs::other:kafka</Queue></QueueConfiguration>"
)


def configuration(*blocks: str) -> str:
    return f"<NotificationConfiguration {XMLNS}>{''.join(blocks)}</NotificationConfiguration>"


def rule(*events: str, queue: str = TARGET, name: str = "mine", more: str = "") -> str:
    listed = "".join(f"<Event>{event}</Event>" for event in events)
    return f"<QueueConfiguration><Id>{name}</Id>{listed}<Queue>{queue}</Queue>{more}</QueueConfiguration>"


@pytest.mark.parametrize(
    "empty",
    [
        EMPTY,
        "<NotificationConfiguration/>",
        '<?xml version="1.0" encoding="UTF-8"?>\n' + EMPTY + "\n",
    ],
)
def test_a_rule_names_the_four_ways_to_write_and_the_target(empty: str) -> None:
    found = rules.added(empty, TARGET)
    assert found is not None
    assert found.count("<Event>") == 4
    for how in ("Put", "Post", "Copy", "CompleteMultipartUpload"):
        assert f"<Event>s3:ObjectCreated:{how}</Event>" in found
    assert f"<Id>drivebay</Id><Queue>{TARGET}</Queue>" in found


def test_a_rule_that_is_there_is_not_added_again() -> None:
    once = rules.added(EMPTY, TARGET)
    assert once is not None
    assert rules.added(once, TARGET) is None


def test_others_rules_stay_as_they_are_and_an_old_one_of_ours_goes() -> None:
    old = rule(*rules.EVENTS, queue="arn:minio:sqs::old:nats", name="drivebay")
    found = rules.added(configuration(FOREIGN, old, "<EventBridgeConfiguration/>"), TARGET)
    assert found is not None
    assert FOREIGN in found
    assert "<EventBridgeConfiguration/>" in found
    assert "sqs::old:nats" not in found


@pytest.mark.parametrize("events", [rules.EVENTS, ("s3:ObjectCreated:*",), (*rules.EVENTS, "s3:ObjectRemoved:*")])
def test_an_operators_own_rule_will_do(events: tuple[str, ...]) -> None:
    # MinIO with a region says it in the ARN, whoever wrote it without.
    assert rules.added(configuration(rule(*events, queue="arn:minio:sqs:eu-west:drivebay:nats")), TARGET) is None


@pytest.mark.parametrize(
    "there",
    [
        rule("s3:ObjectCreated:Put"),
        rule(*rules.EVENTS, queue="arn:minio:sqs::other:nats"),
        rule(*rules.EVENTS, more="<Filter><S3Key><FilterRule><Name>prefix</Name></FilterRule></S3Key></Filter>"),
    ],
)
def test_a_rule_that_tells_less_will_not_do(there: str) -> None:
    found = rules.added(configuration(there), TARGET)
    assert found is not None
    assert there in found


def test_a_topic_is_named_as_one() -> None:
    found = rules.added(EMPTY, "arn:aws:sns:default::drivebay")
    assert found is not None
    assert "<TopicConfiguration><Id>drivebay</Id><Topic>arn:aws:sns:default::drivebay</Topic>" in found
    assert rules.added(found, "arn:aws:sns:default::drivebay") is None


@pytest.mark.parametrize(
    "there",
    ["", "no xml", "<Error/>", configuration("<NewKindConfiguration/>"), configuration(FOREIGN, "more"), "<a></a>"],
)
def test_what_cannot_be_read_is_left_alone(there: str) -> None:
    with pytest.raises(rules.NotReadable):
        rules.added(there, TARGET)


# -- at the start of the service -------------------------------------------------------------------


async def started(answer: Answer, **changes: object) -> tuple[list[str], list[tuple[str, str]]]:
    """The log's events of a start on this store, and what the store was asked about its rules."""
    async with stubborn(answer) as store:
        settings = replace(Settings(store.endpoint, "key", "s", bucket="b", events_target=TARGET), **changes)
        with capture_logs() as logs:
            async with service.open(settings, now=lambda: datetime.now(UTC)) as storage:
                await storage.capabilities()
        asked = [(method, path) for method, path in store.asked if "notification" in path]
    return [log["event"] for log in logs], asked


def keeping(there: str, *, takes: bool) -> Answer:
    """A store with a notification configuration, which it changes or only says that it did."""
    held = there

    async def answer(request: web.Request, body: bytes) -> web.Response | None:
        nonlocal held
        if "notification" not in request.query:
            return None
        if request.method == "PUT" and takes:
            held = body.decode()
        return web.Response(text=held if request.method == "GET" else "")

    return answer


async def test_the_start_sets_the_rule_and_a_second_start_finds_it() -> None:
    answer = keeping(EMPTY, takes=True)
    events, asked = await started(answer)
    assert "store_sends_events" in events
    assert [method for method, _ in asked] == ["GET", "PUT", "GET"]
    events, asked = await started(answer)
    assert "store_sends_events" in events
    assert [method for method, _ in asked] == ["GET"]


async def refusing(request: web.Request, body: bytes) -> web.Response | None:
    if "notification" not in request.query:
        return None
    return web.Response(text=EMPTY) if request.method == "GET" else refusal(400, "InvalidArgument")


async def unknowing(request: web.Request, body: bytes) -> web.Response | None:
    return refusal(501, "NotImplemented") if "notification" in request.query else None


@pytest.mark.parametrize("answer", [refusing, unknowing, keeping(EMPTY, takes=False), keeping("<new/>", takes=True)])
async def test_a_store_that_sends_no_events_is_used_all_the_same_and_it_is_said(answer: Answer) -> None:
    events, _ = await started(answer)
    assert "store_sends_no_events" in events
    assert "store_ready" in events


async def test_without_a_target_the_rules_are_not_touched() -> None:
    assert (await started(keeping(EMPTY, takes=True), events_target=None))[1] == []
