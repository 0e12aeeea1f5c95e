"""Locks, the updates of a job, and poisoned messages."""

import asyncio

import pytest

from shared.adapters.storage.machines import POISONED, UPDATES
from shared.adapters.storage.rows import Rows
from shared.adapters.storage.stores import Stores
from shared.application.ports import MachineLock, StaleError
from shared.domain.updates import UpdateRecord, UpdateState
from tests.builders import a_machine
from tests.contract.records import MINUTE, NOW, RUN, a_job, a_run

KEY = a_machine().key
JOB = a_job().key


def a_lock(minutes: int = 0) -> MachineLock:
    return MachineLock(
        machine_key=KEY, run_id=a_run(minutes).id, job_key=JOB, taken_at=NOW + minutes * MINUTE
    )


def an_update(number: int, name: str = "package") -> UpdateRecord:
    return UpdateRecord(
        name=f"{name}-{number}",
        kb=None if number % 2 else "5001234",
        version="1.0",
        classification="Security",
        state=UpdateState.INSTALLED,
    )


# --- locks ---------------------------------------------------------------------------------------


async def test_free_lock_is_taken_once(stored: Stores) -> None:
    assert await stored["locks"].get(KEY) is None
    taken = await stored["locks"].take(a_lock(), over=None)
    assert await stored["locks"].get(KEY) == taken
    with pytest.raises(StaleError):
        await stored["locks"].take(a_lock(1), over=None)


async def test_lock_is_taken_over_from_its_present_holder_only(stored: Stores) -> None:
    first = await stored["locks"].take(a_lock(0), over=None)
    second = await stored["locks"].take(a_lock(1), over=first)
    with pytest.raises(StaleError):
        await stored["locks"].take(a_lock(2), over=first)
    assert await stored["locks"].get(KEY) == second


async def test_of_two_at_once_one_takes_the_lock(stored: Stores) -> None:
    taken = await asyncio.gather(
        *(stored["locks"].take(a_lock(n), over=None) for n in range(5)), return_exceptions=True
    )
    assert sorted(isinstance(one, MachineLock) for one in taken) == [False] * 4 + [True]


# --- updates -------------------------------------------------------------------------------------


async def test_three_thousand_updates_come_back_in_their_order(rows: Rows, stored: Stores) -> None:
    updates = [an_update(n, "x" * 200) for n in range(3_000)]
    await stored["updates"].put(RUN, JOB, updates)
    assert await stored["updates"].list(RUN, JOB) == updates
    written = [row async for row in rows.query(UPDATES, ())]
    texts = [text for row in written for name, text in row.values.items() if name != "stamp"]
    assert len(written) > 1
    assert max(len(str(text).encode("utf-16-le")) for text in texts) <= 64_000


async def test_rewriting_replaces_all_of_what_was_there(rows: Rows, stored: Stores) -> None:
    for count in (3_000, 3_000, 2, 0):
        updates = [an_update(n, "x" * 200) for n in range(count)]
        await stored["updates"].put(RUN, JOB, updates)
        assert await stored["updates"].list(RUN, JOB) == updates
    assert [row async for row in rows.query(UPDATES, ())] == []


@pytest.mark.parametrize("letter", ["x", "語", "🐧", '"'])
async def test_update_with_an_absurd_name_is_kept_with_a_shorter_one(
    stored: Stores, letter: str
) -> None:
    await stored["updates"].put(RUN, JOB, [an_update(1, letter * 40_000), an_update(2)])
    first, second = await stored["updates"].list(RUN, JOB)
    assert first.name == letter * 500
    assert second == an_update(2)


async def test_updates_belong_to_one_job_of_one_run(stored: Stores) -> None:
    await stored["updates"].put(RUN, JOB, [an_update(1)])
    assert await stored["updates"].list(a_run(1).id, JOB) == []
    assert await stored["updates"].list(RUN, "other") == []


# --- poisoned messages ---------------------------------------------------------------------------


async def test_poisoned_message_is_kept_with_its_reason_and_time(
    rows: Rows, stored: Stores
) -> None:
    body = '{"v": 1, "run": "it\'s ü \\u0000"'
    for _ in range(2):
        await stored["poisoned"].keep("runs", body, reason="malformed", at=NOW)
    await stored["poisoned"].keep("jobs", "🐧" * 40_000, reason="x" * 40_000, at=NOW)
    jobs, runs = [row.values async for row in rows.query(POISONED, ())]
    assert (runs["body"], runs["reason"]) == (body, "malformed")
    assert runs["at"] == "2026-06-02T02:00:00.000000Z"
    assert (jobs["body"], jobs["reason"]) == ("🐧" * 16_000, "x" * 32_000)
