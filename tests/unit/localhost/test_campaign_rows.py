"""Storage over which the process dies."""

import pytest

from localhost.campaign.journal import Changed, Journal, Noted
from localhost.campaign.mortal_rows import DiedError, MortalRows
from shared.adapters.storage.jobs import Jobs
from shared.adapters.storage.rows import Row, Verb, Write
from shared.domain.machine import MachineType
from shared.domain.records import Job, RunId, job_key, move
from shared.domain.run import Phase, Writer
from tests.builders import CONFIGURATION, DAY_BEFORE, SUBSCRIPTION, a_machine

RUN = RunId(configuration_id=CONFIGURATION, key="20260602020000")


def rows(mortality: float, seed: int = 1) -> MortalRows:
    return MortalRows(Journal(), lambda: DAY_BEFORE, seed=seed, mortality=mortality)


async def insert(into: MortalRows, key: str) -> None:
    row = Row(partition="p", key=key, values={})
    await into.write("Jobs", Write(verb=Verb.INSERT, row=row))


async def test_a_write_that_dies_has_happened_or_not() -> None:
    mortal, there = rows(1), []
    for number in range(20):
        with pytest.raises(DiedError):
            await insert(mortal, str(number))
        there.append(await mortal.get("Jobs", "p", str(number)) is not None)
    assert set(there) == {True, False}
    assert mortal.deaths == 20


async def deaths(seed: int) -> list[bool]:
    mortal, died = rows(0.5, seed), []
    for number in range(20):
        before = mortal.deaths
        try:
            await insert(mortal, str(number))
        except DiedError:
            died.append(mortal.deaths > before)
        else:
            died.append(False)
    return died


async def test_the_seed_says_which_writes_die() -> None:
    assert await deaths(1) == await deaths(1)
    assert await deaths(1) != await deaths(2)


async def test_each_state_of_a_job_is_noted_once() -> None:
    journal = Journal()
    mortal = MortalRows(journal, lambda: DAY_BEFORE, seed=1, mortality=0)
    jobs, key = Jobs(mortal), job_key(a_machine().id)
    job = Job(
        key=key,
        machine_id=a_machine().id,
        machine_type=MachineType.AZURE_VM,
        subscription=SUBSCRIPTION,
    )
    await jobs.insert(RUN, [job])
    for _ in range(2):
        stored = await jobs.get(RUN, key)
        assert stored
        again = move(stored, Phase.DISPATCHED, by=Writer.RECONCILE_RUN, dispatched_at=DAY_BEFORE)
        await jobs.change(RUN, again)
    changes = [entry for entry in journal.entries if isinstance(entry, Changed)]
    assert [change.state for change in changes] == ["queued", "dispatched"]
    assert {(change.machine, change.key) for change in changes} == {(a_machine().key, key)}


async def test_a_death_is_in_the_journal() -> None:
    journal = Journal()
    mortal = MortalRows(journal, lambda: DAY_BEFORE, seed=1, mortality=1)
    with pytest.raises(DiedError):
        await insert(mortal, "a")
    [entry] = [one for one in journal.entries if isinstance(one, Noted)]
    assert "the process dies" in entry.text
