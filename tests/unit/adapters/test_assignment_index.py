"""Two writers of one assignment at once: the index never lacks an assignment that is there."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from itertools import count

import pytest

from shared.adapters.memory.rows import MemoryRows
from shared.adapters.storage.documents import Assignments
from shared.adapters.storage.rows import Row, Write
from shared.application.ports import StaleError, StoredAssignment
from tests.builders import CONFIGURATION
from tests.contract.records import OTHER, SCOPE, an_assignment

Rival = Callable[[Assignments, StoredAssignment], Awaitable[None]]


class InterruptedRows(MemoryRows):
    """Rows that let a rival work before call number `at`; `was_interrupted` says whether it came to that."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 0
        self.was_interrupted = False
        self.rival: Callable[[], Awaitable[object]]
        self._numbers = count(1)

    def interrupt(self, at: int, rival: Callable[[], Awaitable[object]]) -> None:
        """Count from here on."""
        self.at, self.rival, self._numbers = at, rival, count(1)

    async def get(self, table: str, partition: str, key: str) -> Row | None:
        await self._pause()
        return await super().get(table, partition, key)

    async def write(self, table: str, write: Write) -> str:
        await self._pause()
        return await super().write(table, write)

    async def _pause(self) -> None:
        if next(self._numbers) == self.at:
            self.at, self.was_interrupted = 0, True
            await self.rival()


async def remove(store: Assignments, first: StoredAssignment) -> None:
    await store.delete(first)


async def move(store: Assignments, first: StoredAssignment) -> None:
    await store.replace(replace(first, configuration_id=OTHER), first)


async def put(store: Assignments) -> None:
    """What a PUT does, tried again until nobody was faster."""
    while True:
        before = await store.get(SCOPE, "all")
        try:
            if before is None:
                await store.insert(an_assignment())
            else:
                await store.replace(replace(before, configuration_id=CONFIGURATION), before)
        except StaleError:
            continue
        return


async def attempt(rival: Rival, store: Assignments, first: StoredAssignment) -> None:
    try:
        await rival(store, first)
    except StaleError:
        return


@pytest.mark.parametrize("rival", [remove, move])
@pytest.mark.parametrize("who_waits", ["the PUT", "its rival"])
async def test_assignment_that_is_there_is_in_the_index_whoever_was_interrupted(
    rival: Rival, who_waits: str
) -> None:
    for at in count(1):
        rows = InterruptedRows()
        store = Assignments(rows)
        first = await store.insert(an_assignment())
        calls: list[Callable[[], Awaitable[None]]]
        calls = [partial(put, store), partial(attempt, rival, store, first)]
        waits, works = calls if who_waits == "the PUT" else calls[::-1]
        rows.interrupt(at, works)
        await waits()
        if not rows.was_interrupted:
            break
        current = await store.get(SCOPE, "all")
        wanted = [current] if current and current.configuration_id == CONFIGURATION else []
        assert [one async for one in store.list_of(CONFIGURATION)] == wanted, f"before call {at}"
    assert at > 3
