"""A write whose reply is lost: the SDK repeats it and loses against itself, and the writer is still told the truth."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, Self

import pytest
from azure.core.exceptions import ServiceResponseError
from azure.core.pipeline.transport import AioHttpTransport, AsyncHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.data.tables.aio import TableServiceClient

from shared.adapters.storage.azure_rows import AzureRows
from shared.adapters.storage.rows import Row, Rows, Verb, Write
from shared.application.ports import StaleError
from shared.errors import UnavailableError
from tests.contract.conftest import RowsApart

TABLE = "Things"


class LosingTransport(AsyncHttpTransport[HttpRequest, AsyncHttpResponse]):
    """Sends every request; the replies to the next `losses` writes arrive as a 503, or not at all.

    `meanwhile` is what somebody else does before the SDK repeats the request.
    """

    def __init__(self) -> None:
        self._real = AioHttpTransport(use_env_settings=False)
        self.losses = 0
        self.resets = 0
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def send(self, request: HttpRequest, **options: Any) -> AsyncHttpResponse:
        response: AsyncHttpResponse = await self._real.send(request, **options)
        if request.method == "GET":
            return response
        if self.resets:
            self.resets -= 1
            raise ServiceResponseError("the connection was reset")
        if self.losses:
            self.losses -= 1
            reply: Any = response
            reply.status_code = 503
            await self._let_others_write()
        return response

    async def _let_others_write(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            await meanwhile()

    async def open(self) -> None:
        await self._real.open()

    async def close(self) -> None:
        await self._real.close()

    async def sleep(self, duration: float) -> None:
        """The SDK's pause before it repeats."""

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()


@pytest.fixture
def transport() -> LosingTransport:
    return LosingTransport()


@pytest.fixture
async def rows(azurite: str, transport: LosingTransport) -> AsyncIterator[Rows]:
    async with TableServiceClient.from_connection_string(azurite, transport=transport) as service:
        yield RowsApart(AzureRows(service))


@pytest.fixture
async def there(rows: Rows) -> Row:
    """A row that is stored, and its table with it."""
    row = Row(partition="p", key="there", values={"a": "old"})
    etag = await rows.write(TABLE, Write(verb=Verb.INSERT, row=row))
    return replace(row, etag=etag)


def changed(row: Row) -> Row:
    return replace(row, values={"a": "new"})


NEW = Row(partition="p", key="new", values={"a": "new"})


async def value(rows: Rows, key: str) -> object:
    row = await rows.get(TABLE, "p", key)
    return row.values["a"] if row else None


@pytest.mark.parametrize("losses", [1, 2])
async def test_inserter_that_lost_its_reply_is_told_that_it_won(
    rows: Rows, there: Row, transport: LosingTransport, losses: int
) -> None:
    transport.losses = losses
    etag = await rows.write(TABLE, Write(verb=Verb.INSERT, row=NEW))
    row = await rows.get(TABLE, "p", "new")
    assert row is not None
    assert row.etag == etag
    assert transport.losses == 0


@pytest.mark.parametrize("verb", [Verb.REPLACE, Verb.MERGE])
async def test_conditional_writer_that_lost_its_reply_is_told_that_it_won(
    rows: Rows, there: Row, transport: LosingTransport, verb: Verb
) -> None:
    transport.losses = 1
    etag = await rows.write(TABLE, Write(verb=verb, row=changed(there)))
    assert etag != there.etag
    assert await value(rows, "there") == "new"
    # The ETag that it was told is good for the next write.
    await rows.write(TABLE, Write(verb=verb, row=replace(there, etag=etag)))


async def test_deleter_that_lost_its_reply_is_told_that_it_won(
    rows: Rows, there: Row, transport: LosingTransport
) -> None:
    transport.losses = 1
    assert await rows.write(TABLE, Write(verb=Verb.DELETE, row=there)) == ""
    assert await value(rows, "there") is None
    assert transport.losses == 0


async def test_transaction_that_lost_its_reply_is_told_that_it_won(
    rows: Rows, there: Row, transport: LosingTransport
) -> None:
    transport.losses = 1
    writes = [Write(verb=Verb.INSERT, row=NEW), Write(verb=Verb.MERGE, row=changed(there))]
    etags = await rows.transact(TABLE, writes)
    read = [await rows.get(TABLE, "p", key) for key in ("new", "there")]
    assert etags == [row.etag if row else None for row in read]
    assert transport.losses == 0


@pytest.mark.parametrize("verb", [Verb.INSERT, Verb.REPLACE, Verb.MERGE, Verb.DELETE])
async def test_loser_is_told_that_it_lost_even_when_it_lost_its_reply_too(
    rows: Rows, there: Row, transport: LosingTransport, verb: Verb
) -> None:
    await rows.write(TABLE, Write(verb=Verb.REPLACE, row=replace(there, values={"a": "winner"})))
    transport.losses = 1
    row = replace(there, values={"a": "loser"})
    with pytest.raises(StaleError):
        await rows.write(TABLE, Write(verb=verb, row=row))
    assert await value(rows, "there") == "winner"


async def test_loser_of_a_transaction_is_told_that_it_lost_even_when_it_lost_its_reply_too(
    rows: Rows, there: Row, transport: LosingTransport
) -> None:
    transport.losses = 1
    writes = [Write(verb=Verb.INSERT, row=NEW), Write(verb=Verb.INSERT, row=changed(there))]
    with pytest.raises(StaleError):
        await rows.transact(TABLE, writes)
    assert (await value(rows, "new"), await value(rows, "there")) == (None, "old")


async def test_winner_that_was_overtaken_before_it_heard_is_told_that_the_row_is_not_its_own(
    rows: Rows, there: Row, transport: LosingTransport
) -> None:
    """It can't be told apart from a loser, and need not be: what it wrote no longer holds."""

    async def overtake() -> None:
        other = Write(verb=Verb.REPLACE, row=replace(there, etag="", values={"a": "other"}))
        await rows.write(TABLE, other)

    transport.losses, transport.meanwhile = 1, overtake
    with pytest.raises(StaleError):
        await rows.write(TABLE, Write(verb=Verb.REPLACE, row=changed(there)))
    assert await value(rows, "there") == "other"


@pytest.mark.parametrize("verb", [Verb.INSERT, Verb.REPLACE, Verb.MERGE, Verb.DELETE])
async def test_reset_connection_is_either_repeated_and_won_or_no_answer_at_all(
    rows: Rows, there: Row, transport: LosingTransport, verb: Verb
) -> None:
    """The SDK repeats what HTTP calls idempotent, PUT and DELETE; of POST and PATCH nobody knows."""
    transport.resets = 1
    row = NEW if verb is Verb.INSERT else changed(there)
    if verb in (Verb.INSERT, Verb.MERGE):
        with pytest.raises(UnavailableError):
            await rows.write(TABLE, Write(verb=verb, row=row))
    else:
        await rows.write(TABLE, Write(verb=verb, row=row))
    assert await value(rows, row.key) == (None if verb is Verb.DELETE else "new")
