"""What Azure Storage does to those who do not expect it: throttling, sizes, hostile names, pages without a row."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

import pytest
from aiohttp import web
from azure.core.exceptions import ResourceNotFoundError
from azure.core.pipeline.transport import AioHttpTransport, AsyncHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.data.tables.aio import TableServiceClient
from azure.storage.queue import TextBase64DecodePolicy
from azure.storage.queue.aio import QueueServiceClient

from shared.adapters.memory.rows import MemoryRows
from shared.adapters.storage.azure_rows import AzureRows
from shared.adapters.storage.keys import LONGEST, id_to_key
from shared.adapters.storage.queues import AzureOutbox
from shared.adapters.storage.rows import Row, Rows, Verb, Write, in_partition
from shared.adapters.storage.stores import Stores, stores
from shared.application.messages import JOBS, RUNS, StartRequest, decode_job_message, encode
from shared.application.ports import StaleError
from shared.domain.records import RunId
from shared.domain.updates import UpdateRecord, UpdateState
from shared.errors import UnavailableError
from shared.settings import Settings
from tests.builders import CONFIGURATION, GROUP
from tests.contract.conftest import RowsApart
from tests.contract.records import a_configuration, a_job, a_run

TABLE = "Things"
LARGEST_MESSAGE = 64 * 1024
"""learn.microsoft.com/rest/api/storageservices/put-message"""
LARGEST_ROW = 1024 * 1024
"""learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model"""
TOO_LARGE = ("EntityTooLarge", 413)
LONGEST_ID = 450


class BusyTransport(AsyncHttpTransport[HttpRequest, AsyncHttpResponse]):
    """A storage that answers the next `refusals` requests with 503, as one that throttles does: it does nothing."""

    def __init__(self) -> None:
        self._real = AioHttpTransport(use_env_settings=False)
        self.refusals = 0
        self.refused = 0

    async def send(self, request: HttpRequest, **options: Any) -> AsyncHttpResponse:
        if self.refused < self.refusals:
            self.refused += 1
            # Asking for what is not there changes nothing either; its 404 stands for a refusal.
            elsewhere = request.url.split("?")[0].rsplit("/", 1)[0] + "/nothing-is-here"
            nothing = HttpRequest("GET", elsewhere, headers={"Accept": "application/json"})
            answer: Any = await self._real.send(nothing, **options)
            answer.status_code, answer.reason = 503, "Server Busy"
            answer.headers["x-ms-error-code"] = "ServerBusy"
            return answer  # type: ignore[no-any-return]
        response: AsyncHttpResponse = await self._real.send(request, **options)
        return response

    async def open(self) -> None:
        await self._real.open()

    async def close(self) -> None:
        await self._real.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()


@pytest.fixture
def busy() -> BusyTransport:
    return BusyTransport()


@pytest.fixture
async def busy_rows(azurite: str, busy: BusyTransport) -> AsyncIterator[Rows]:
    """Rows of a table with one row, over a storage that may be busy; the pauses are left out."""
    async with TableServiceClient.from_connection_string(
        azurite, transport=busy, retry_backoff_factor=0
    ) as service:
        rows = RowsApart(AzureRows(service))
        await rows.write(TABLE, Write(verb=Verb.INSERT, row=a_row("there")))
        yield rows


def a_row(key: str, *, partition: str = "p", **values: Any) -> Row:
    return Row(partition=partition, key=key, values=values)


async def keys(rows: Rows) -> list[str]:
    return [row.key async for row in rows.query(TABLE, in_partition("p"))]


WRITE = Write(verb=Verb.INSERT, row=a_row("new"))
ASKED: dict[str, Callable[[Rows], Awaitable[object]]] = {
    "get": lambda rows: rows.get(TABLE, "p", "there"),
    "query": keys,
    "write": lambda rows: rows.write(TABLE, WRITE),
    "transact": lambda rows: rows.transact(TABLE, [WRITE]),
}


# --- throttling ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
async def test_throttled_request_is_made_again(
    busy_rows: Rows, busy: BusyTransport, ask: Callable[[Rows], Awaitable[object]]
) -> None:
    busy.refusals = 2
    assert await ask(busy_rows)
    assert busy.refused == 2
    expected = ["new", "there"] if ask in (ASKED["write"], ASKED["transact"]) else ["there"]
    assert await keys(busy_rows) == expected


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
async def test_storage_that_stays_busy_is_unavailable_and_nothing_is_written(
    busy_rows: Rows, busy: BusyTransport, ask: Callable[[Rows], Awaitable[object]]
) -> None:
    busy.refusals = 1000
    with pytest.raises(UnavailableError):
        await ask(busy_rows)
    assert 1 < busy.refused < 10
    busy.refusals = 0
    assert await keys(busy_rows) == ["there"]


@pytest.fixture
async def busy_queues(azurite: str, busy: BusyTransport) -> AsyncIterator[QueueServiceClient]:
    """Queue Storage without our two queues, that may be busy; the pauses are left out."""
    async with QueueServiceClient.from_connection_string(
        azurite, transport=busy, initial_backoff=0, increment_base=0, random_jitter_range=0
    ) as service:
        for name in (RUNS, JOBS):
            try:
                await service.delete_queue(name)
            except ResourceNotFoundError:
                continue
        yield service


async def texts(queues: QueueServiceClient) -> list[str]:
    client = queues.get_queue_client(JOBS, message_decode_policy=TextBase64DecodePolicy())
    return [str(one.content) async for one in client.receive_messages()]


async def test_message_for_a_throttled_queue_is_put_once(
    busy_queues: QueueServiceClient, busy: BusyTransport
) -> None:
    outbox = AzureOutbox(busy_queues)
    await outbox.prepare()
    busy.refusals = 2
    await outbox.ask_for_start(a_run().id, a_job().machine_id)
    assert (busy.refused, len(await texts(busy_queues))) == (2, 1)


async def test_queue_that_stays_busy_is_unavailable(
    busy_queues: QueueServiceClient, busy: BusyTransport
) -> None:
    outbox = AzureOutbox(busy_queues)
    await outbox.prepare()
    busy.refusals = 1000
    with pytest.raises(UnavailableError):
        await outbox.ask_for_start(a_run().id, a_job().machine_id)
    assert 1 < busy.refused < 10
    busy.refusals = 0
    assert await texts(busy_queues) == []


# --- sizes ---------------------------------------------------------------------------------------


async def test_longest_ids_fit_into_a_message(busy_queues: QueueServiceClient) -> None:
    configuration = CONFIGURATION + "語" * (LONGEST_ID - len(CONFIGURATION))
    machine = a_job().machine_id + "語" * (LONGEST_ID - len(a_job().machine_id))
    run = RunId(configuration_id=configuration, key=a_run().key)
    outbox = AzureOutbox(busy_queues)
    await outbox.ask_for_start(run, machine)
    (text,) = await texts(busy_queues)
    assert decode_job_message(text) == StartRequest(v=1, run=run.text, machine=machine)
    assert len(encode(decode_job_message(text)).encode()) * 4 // 3 < LARGEST_MESSAGE / 10


def largest_document(letter: str) -> dict[str, Any]:
    """A document of as many bytes of JSON as settings allow at most."""
    (most,) = (one.le for one in Settings.model_fields["body_bytes"].metadata if hasattr(one, "le"))
    return {
        "long": letter * ((most - 20) // (len(json.dumps(letter, ensure_ascii=False).encode()) - 2))
    }


@pytest.mark.filterwarnings("ignore:Sending a large body")
@pytest.mark.parametrize("letter", ["x", "語", "🐧"])
async def test_largest_body_that_settings_allow_comes_back(stored: Stores, letter: str) -> None:
    document = largest_document(letter)
    await stored["configurations"].insert(a_configuration(document=document))
    await stored["runs"].insert(a_run(document=document))
    found = await stored["runs"].get(a_run().id)
    assert found
    assert found.document == document


@pytest.mark.parametrize("letter", ["x", "語", "🐧", '"', "\u0001"])
async def test_no_row_is_larger_than_table_storage_takes(letter: str) -> None:
    """Azurite counts otherwise: the service counts UTF-16, in names and in values."""
    rows = MemoryRows()
    kept, document = stores(rows), largest_document(letter)
    await kept["configurations"].insert(a_configuration(document=document))
    await kept["runs"].insert(a_run(document=document))
    await kept["updates"].put(a_run().id, "k", [an_update(letter * 200)] * 3_000)
    sizes = [_size(row) for table in rows.tables.values() for row in table.values()]
    assert len(sizes) > 3
    assert 500_000 < max(sizes) < LARGEST_ROW


def an_update(name: str) -> UpdateRecord:
    return UpdateRecord(
        name=name, version="1", kb=None, classification="Other", state=UpdateState.INSTALLED
    )


def _size(row: Row) -> int:
    texts = [row.partition, row.key, *row.values, *map(str, row.values.values())]
    return sum(len(text.encode("utf-16-le", "surrogatepass")) for text in texts)


@pytest.mark.parametrize("ask", [ASKED["write"], ASKED["transact"]], ids=["write", "transact"])
async def test_row_that_is_refused_as_too_large_is_no_lost_race(
    ask: Callable[[Rows], Awaitable[object]],
) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/Tables"):
            return web.Response(status=204)
        code, status = ("ResourceNotFound", 404) if request.method == "GET" else TOO_LARGE
        error = {"code": code, "message": {"lang": "en", "value": "No."}}
        return web.json_response({"odata.error": error}, status=status)

    async with served_rows(answer) as rows:
        with pytest.raises(UnavailableError):
            await ask(rows)


# --- hostile names -------------------------------------------------------------------------------

HOSTILE = [
    pytest.param("a\\b#c?d", id="what a key refuses"),
    pytest.param("a%2Fb%00", id="what looks encoded"),
    pytest.param("it's''--", id="quotes"),
    pytest.param("\x00\x01\t\r\n\x1f\x7f\x85\x9f", id="control characters"),
    pytest.param("東京-🐧-e\u0301-\u202e", id="Unicode"),
    pytest.param("..", id="dots"),
    pytest.param(" a  b ", id="spaces"),
    pytest.param("a|b=7c", id="what keys are written with"),
]


@pytest.mark.parametrize("name", HOSTILE)
async def test_configuration_of_a_hostile_name_is_kept_apart_and_found(
    stored: Stores, name: str
) -> None:
    there, beside = f"{CONFIGURATION}-{name}", f"{CONFIGURATION}-{name}x"
    for one in (there, beside):
        await stored["configurations"].insert(a_configuration(one))
        await stored["runs"].insert(a_run(configuration=one))
        await stored["jobs"].insert(a_run(configuration=one).id, [a_job()])
    found = await stored["configurations"].get(there)
    assert found is not None
    assert found.id == there
    assert [run.configuration_id async for run in stored["runs"].list(there)] == [there]
    assert [one async for one in stored["jobs"].list(a_run(configuration=there).id)] != []
    listed = [one.id async for one in stored["configurations"].list(GROUP)]
    assert sorted(listed) == sorted([there, beside])


@pytest.mark.parametrize("name", ["nightly-STRASSE", "nightly-ÄÖ", "nightly-ΣΊΣΥΦΟΣ"])
async def test_names_that_differ_by_case_alone_are_one(stored: Stores, name: str) -> None:
    there = f"{GROUP}/providers/Microsoft.Maintenance/maintenanceConfigurations/{name}"
    await stored["configurations"].insert(a_configuration(there))
    with pytest.raises(StaleError):
        await stored["configurations"].insert(a_configuration(there.swapcase()))
    found = await stored["configurations"].get(there.lower())
    assert found is not None
    assert found.id == there


async def test_longest_key_is_taken(rows: Rows) -> None:
    """A key holds 1,024 bytes in UTF-16; ours have at most 500 characters, all of them ASCII."""
    longest = id_to_key("/" + "x" * (LONGEST - 1))
    assert len(longest) == LONGEST
    await rows.write(TABLE, Write(verb=Verb.INSERT, row=a_row(longest, partition=longest)))
    assert await rows.get(TABLE, longest, longest)


# --- pages ---------------------------------------------------------------------------------------


async def test_pages_without_a_row_are_not_the_end() -> None:
    """The service may answer with a continuation token and nothing else, as where a partition moves."""
    asked: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.Response(status=204)
        at = request.query.get("NextRowKey")
        asked.append(at)
        following = {None: "it's/a b+c", "it's/a b+c": "z", "z": ""}[at]
        token = {
            "x-ms-continuation-NextPartitionKey": "p",
            "x-ms-continuation-NextRowKey": following,
        }
        row = {"odata.etag": 'W/"1"', "PartitionKey": "p", "RowKey": "k"}
        return web.json_response(
            {"value": [row] if at == "z" else []}, headers=token if following else {}
        )

    async with served_rows(answer) as rows:
        assert await keys(rows) == ["k"]
    assert asked == [None, "it's/a b+c", "z"]


@asynccontextmanager
async def served_rows(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[Rows]:
    """Rows of a Table Storage that answers so."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = "http://127.0.0.1:{1}".format(*runner.addresses[0][:2])
        connection = (
            "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5;"
            f"TableEndpoint={address}/devstoreaccount1;"
        )
        async with TableServiceClient.from_connection_string(
            connection, transport=AioHttpTransport(use_env_settings=False)
        ) as service:
            yield AzureRows(service)
    finally:
        await runner.cleanup()
