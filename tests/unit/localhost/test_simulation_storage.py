"""The simulation's tables under the product's own rows: what is committed, what is said of it, and who has won."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, cast

import pytest
from azure.data.tables.aio import TableServiceClient

from localhost.simulation import chances as kinds
from localhost.simulation.chances import Chances
from localhost.simulation.journal import Journal
from localhost.simulation.process import Process
from localhost.simulation.table_service import Storage, TableService
from localhost.simulation.tables import Tables
from localhost.simulation.timeline import Timeline, run_on
from shared.adapters.storage.azure_rows import AzureRows
from shared.adapters.storage.rows import (
    Condition,
    Operator,
    Row,
    Verb,
    Write,
    in_partition,
    starting_with,
)
from shared.application.ports import StaleError
from shared.errors import UnavailableError

START = datetime(2026, 6, 1, tzinfo=UTC)
ROW = Row(partition="p", key="k", values={"a": "old", "n": 1})
Scenario = Callable[[AzureRows], Awaitable[Any]]


class Account:
    """A storage account with one client; `goes_wrong` is the kind of fault that strikes every time."""

    def __init__(self, goes_wrong: str = "") -> None:
        self.timeline = Timeline(START)
        self.tables = Tables()
        chances = Chances(Random(1), {goes_wrong: 1.0})
        journal = Journal(self.timeline.now)
        storage = Storage(self.tables, journal, chances)
        process = Process("host", self.timeline, chances, journal=journal, skew=timedelta())
        self.rows = AzureRows(cast(TableServiceClient, TableService(storage, process)))

    def do(self, scenario: Scenario) -> Any:
        """Let something be done with the rows."""

        async def work() -> Any:
            return await scenario(self.rows)

        return run_on(self.timeline, work())

    def values(self, key: str = "k") -> dict[str, Any] | None:
        """What is stored, without the stamp."""
        found = self.tables.partition("T", "p").get(key)
        hidden = ("PartitionKey", "RowKey", "stamp")
        return {k: v for k, v in found.items() if k not in hidden} if found else None


async def insert(rows: AzureRows) -> str:
    return await rows.write("T", Write(verb=Verb.INSERT, row=ROW))


async def insert_twice(rows: AzureRows) -> None:
    await insert(rows)
    await insert(rows)


def test_a_row_is_inserted_once() -> None:
    account = Account()
    with pytest.raises(StaleError):
        account.do(insert_twice)
    assert account.values() == {"a": "old", "n": 1}


def test_a_merge_keeps_the_other_columns_and_a_replacement_does_not() -> None:
    async def change(rows: AzureRows) -> None:
        etag = await insert(rows)
        merged = replace(ROW, values={"a": "new"}, etag=etag)
        await rows.write("T", Write(verb=Verb.MERGE, row=merged))

    account = Account()
    account.do(change)
    assert account.values() == {"a": "new", "n": 1}
    account.do(lambda rows: rows.write("T", Write(verb=Verb.REPLACE, row=replace(ROW, values={}))))
    assert account.values() == {}


def test_who_has_an_old_etag_loses_and_changes_nothing() -> None:
    async def race(rows: AzureRows) -> None:
        etag = await insert(rows)
        newer = replace(ROW, values={"a": "winner"}, etag=etag)
        await rows.write("T", Write(verb=Verb.REPLACE, row=newer))
        await rows.write("T", Write(verb=Verb.REPLACE, row=replace(newer, values={"a": "loser"})))

    account = Account()
    with pytest.raises(StaleError):
        account.do(race)
    assert account.values() == {"a": "winner"}


def test_a_transaction_is_written_whole_or_not_at_all() -> None:
    async def transact(rows: AzureRows) -> None:
        await insert(rows)
        both = [Write(verb=Verb.INSERT, row=one) for one in (replace(ROW, key="other"), ROW)]
        await rows.transact("T", both)

    account = Account()
    with pytest.raises(StaleError):
        account.do(transact)
    assert account.values("other") is None


def test_a_query_meets_all_its_conditions_page_by_page() -> None:
    async def ask(rows: AzureRows) -> list[str]:
        for number in range(30):
            row = Row(partition="p", key=f"{number:02}", values={"n": number})
            await rows.write("T", Write(verb=Verb.INSERT, row=row))
        late = Condition(column="n", operator=Operator.GE, value=4)
        where = (*in_partition("p"), late, *starting_with("RowKey", "0"))
        return [row.key async for row in rows.query("T", where, select=["n"])]

    for _ in range(5):
        assert Account().do(ask) == ["04", "05", "06", "07", "08", "09"]


def test_the_client_repeats_a_write_and_the_writer_is_told_that_it_won() -> None:
    account = Account(kinds.TABLE_REPEAT)
    etag = account.do(insert)
    assert account.tables.get("T", "p", "k").metadata["etag"] == etag


@pytest.mark.parametrize(
    ("fault", "stored"),
    [
        pytest.param(kinds.TABLE_ERROR, None, id="an error before"),
        pytest.param(kinds.TABLE_ERROR_AFTER_COMMIT, {"a": "old", "n": 1}, id="an error after"),
        pytest.param(kinds.TABLE_TIME_OUT_AFTER_COMMIT, {"a": "old", "n": 1}, id="no answer"),
    ],
)
def test_a_write_fails_before_or_after_it_is_committed(
    fault: str, stored: dict[str, Any] | None
) -> None:
    account = Account(fault)
    with pytest.raises(UnavailableError):
        account.do(insert)
    assert account.values() == stored
    assert account.timeline.now() - START >= timedelta(seconds=2)


def test_a_read_fails() -> None:
    account = Account(kinds.TABLE_READ_ERROR)
    with pytest.raises(UnavailableError):
        account.do(lambda rows: rows.get("T", "p", "k"))
