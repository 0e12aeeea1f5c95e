"""Resource Graph's replies: pages that end, pages that were cut, and replies that are none."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.adapters.arm import ArmClient, StaticCredential
from shared.adapters.inventory.resource_graph import ResourceGraphInventory
from shared.adapters.inventory.search import Rows, search
from shared.adapters.patching.reports import ResourceGraphReports
from shared.errors import UnavailableError
from tests.unit.adapters.wire import Answer, Wire, wire

SINCE = datetime(2026, 1, 15, 2, tzinfo=UTC)


def page(*rows: dict[str, Any], cut: str = "false") -> Answer:
    return Answer(
        body={"totalRecords": 9, "count": len(rows), "resultTruncated": cut, "data": list(rows)}
    )


async def ask(answer: Answer, *, limit: int = 2, **options: Any) -> tuple[Rows, Wire]:
    async with wire(answer) as served, ArmClient(served.url, StaticCredential()) as arm:
        return await search(arm, "resources", limit=limit, **options), served


A, B = {"key": "a"}, {"key": "b"}


@pytest.mark.parametrize(
    ("answer", "last"),
    [
        (page(), None),
        (page(A), None),
        (page(A, B), "b"),
        (page(A, cut="true"), "a"),
    ],
    ids=["empty", "not full", "full", "cut by size"],
)
async def test_a_page_says_where_to_go_on(answer: Answer, last: str | None) -> None:
    rows, _served = await ask(answer)
    assert rows.last == last


async def test_a_question_names_its_subscriptions_only_if_there_are_any() -> None:
    _rows, everywhere = await ask(page())
    _rows, somewhere = await ask(page(), subscriptions=["s"])
    assert everywhere.requests[0].body == {
        "query": "resources",
        "options": {"resultFormat": "objectArray", "$top": 2},
    }
    assert somewhere.requests[0].body["subscriptions"] == ["s"]


async def test_a_limit_beyond_resource_graphs_own_still_ends_at_the_last_page() -> None:
    rows, served = await ask(page(*({"key": f"{number:04}"} for number in range(1000))), limit=5000)
    assert served.requests[0].body["options"]["$top"] == 1000
    assert rows.last == "0999"


INVALID = {"error": {"code": "BadRequest", "message": "Query is invalid."}}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=400, body=INVALID),
        Answer(status=403),
        Answer(body={"data": {"columns": [], "rows": []}}),
        Answer(body={}),
        Answer(body="<html>"),
        page({"id": "a"}),
        Answer(body={"data": [7]}),
        page(cut="true"),
    ],
    ids=[
        "invalid",
        "forbidden",
        "a table",
        "empty",
        "no JSON",
        "no key",
        "no rows",
        "cut to nothing",
    ],
)
async def test_a_reply_that_is_no_list_of_rows_is_unavailable(answer: Answer) -> None:
    with pytest.raises(UnavailableError):
        await ask(answer)


@pytest.mark.parametrize(
    ("status", "readable"), [(200, True), (401, False), (403, False), (404, False)]
)
async def test_a_subscription_is_readable_when_azure_shows_it(status: int, readable: bool) -> None:
    async with (
        wire(Answer(status=status)) as served,
        ArmClient(served.url, StaticCredential()) as arm,
    ):
        assert await ResourceGraphInventory(arm).is_readable("s") is readable
    assert served.requests[0].target == "/subscriptions/s?api-version=2022-12-01"


async def test_reports_go_on_until_the_last_page_and_read_ids_in_any_case() -> None:
    row = {
        "key": "k1",
        "id": "/Sub/vm/PatchInstallationResults/a1",
        "properties": {"status": "InProgress", "lastModifiedDateTime": "2026-01-15T02:01:00Z"},
    }
    async with wire(page(row), page()) as served, ArmClient(served.url, StaticCredential()) as arm:
        reports = ResourceGraphReports(arm, subscriptions=["s"])
        [[report]] = [found async for found in reports.changed_since(SINCE, limit=1)]
    assert (report.machine_id, report.activity_id) == ("/Sub/vm", "a1")
    assert report.started_at == report.modified_at == datetime(2026, 1, 15, 2, 1, tzinfo=UTC)
    first, second = (request.body for request in served.requests)
    assert "strcmp" not in first["query"]
    assert "strcmp(key, 'k1') > 0" in second["query"]
    assert first["subscriptions"] == second["subscriptions"] == ["s"]


@pytest.mark.parametrize(
    ("installs", "updates_each", "queries"),
    [
        pytest.param(100, 9, 1, id="as many as fill a page"),
        pytest.param(112, 9, 2, id="one more than a page holds"),
        pytest.param(201, 1, 2, id="as many as a query may name, and one"),
        pytest.param(3, 5000, 3, id="each more than a page"),
        pytest.param(2, 0, 1, id="none expected"),
    ],
)
async def test_updates_are_asked_for_in_as_few_queries_as_fill_their_pages(
    installs: int, updates_each: int, queries: int
) -> None:
    row = {"key": "k", "activity": "a1", "properties": {"patchName": "curl", "version": "1"}}
    async with wire(page(row), page()) as served, ArmClient(served.url, StaticCredential()) as arm:
        updates = await ResourceGraphReports(arm).updates_of(
            {f"A{number}": updates_each for number in range(installs)}, limit=1000
        )
    assert len(served.requests) == queries
    assert {activity: len(records) for activity, records in updates.items()} == {"a1": 1}


async def test_no_installs_need_no_question() -> None:
    async with wire(page()) as served, ArmClient(served.url, StaticCredential()) as arm:
        assert await ResourceGraphReports(arm).updates_of({}, limit=1000) == {}
    assert served.requests == []
