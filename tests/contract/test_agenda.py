"""The agenda: what is to be looked at, and by whom it was settled."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.storage.stores import Stores
from shared.application.ports import AgendaEntry, StaleError
from tests.builders import CONFIGURATION
from tests.contract.records import MINUTE, NOW, OTHER, RUN, a_run


async def entry(stored: Stores, configuration: str = CONFIGURATION) -> AgendaEntry:
    found = await stored["agenda"].get(configuration)
    assert found is not None
    return found


async def due(stored: Stores, at: datetime) -> list[str]:
    return [one.configuration_id async for one in stored["agenda"].due(at)]


async def test_look_makes_a_configuration_due_at_once(stored: Stores) -> None:
    await stored["agenda"].look_at(CONFIGURATION, revision="r1", now=NOW)
    assert await due(stored, NOW - timedelta.resolution) == []
    assert await due(stored, NOW) == [CONFIGURATION]
    found = await entry(stored)
    assert (found.revision, found.touched_at, found.handled_up_to) == ("r1", NOW, None)


async def test_look_keeps_how_far_the_configuration_was_handled(stored: Stores) -> None:
    await stored["agenda"].look_at(CONFIGURATION, revision="r1", now=NOW)
    settled = replace(
        await entry(stored), next_due=NOW + MINUTE, handled_up_to=NOW, window_since=NOW - MINUTE
    )
    await stored["agenda"].settle(settled)
    await stored["agenda"].look_at(CONFIGURATION.upper(), revision="r2", now=NOW + 9 * MINUTE)
    found = await entry(stored)
    assert (found.handled(NOW - MINUTE), found.revision) == (NOW, "r2")
    assert found.handled(NOW) is None
    assert found.next_due == NOW + 9 * MINUTE


async def test_settled_configuration_is_due_when_it_says(stored: Stores) -> None:
    for one in (CONFIGURATION, OTHER):
        await stored["agenda"].look_at(one, revision="r1", now=NOW)
    await stored["agenda"].settle(replace(await entry(stored), next_due=NOW + MINUTE))
    assert await due(stored, NOW) == [OTHER]
    assert await due(stored, NOW + MINUTE) == [CONFIGURATION, OTHER]


@pytest.mark.parametrize("year", [1, 1969, 2026, 9999])
async def test_due_instants_compare_in_every_year(stored: Stores, year: int) -> None:
    at = datetime(year, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    await stored["agenda"].look_at(CONFIGURATION, revision="r1", now=at)
    assert (await entry(stored)).next_due == at
    assert await due(stored, at) == [CONFIGURATION]
    assert await due(stored, at - timedelta.resolution) == []


async def test_settling_loses_when_somebody_asked_to_look_again(stored: Stores) -> None:
    await stored["agenda"].look_at(CONFIGURATION, revision="r1", now=NOW)
    read = await entry(stored)
    await stored["agenda"].look_at(CONFIGURATION, revision="r2", now=NOW + MINUTE)
    with pytest.raises(StaleError):
        await stored["agenda"].settle(replace(read, next_due=NOW + timedelta(days=1)))
    assert (await entry(stored)).next_due == NOW + MINUTE


async def test_settling_twice_needs_the_new_etag(stored: Stores) -> None:
    await stored["agenda"].look_at(CONFIGURATION, revision="r1", now=NOW)
    read = await entry(stored)
    settled = await stored["agenda"].settle(replace(read, handled_up_to=NOW))
    with pytest.raises(StaleError):
        await stored["agenda"].settle(read)
    await stored["agenda"].settle(settled)
    assert await entry(stored) == replace(settled, etag=(await entry(stored)).etag)


async def test_forgetting_loses_when_somebody_asked_to_look_again(stored: Stores) -> None:
    await stored["agenda"].look_at(CONFIGURATION, revision="r1", now=NOW)
    read = await entry(stored)
    await stored["agenda"].look_at(CONFIGURATION, revision="r2", now=NOW)
    with pytest.raises(StaleError):
        await stored["agenda"].forget(read)
    await stored["agenda"].forget(await entry(stored))
    assert await stored["agenda"].get(CONFIGURATION) is None


async def test_open_run_stays_until_it_is_closed(stored: Stores) -> None:
    other = a_run(1).id
    for run_id in (RUN, other):
        await stored["agenda"].open_run(run_id, now=NOW)
    await stored["agenda"].open_run(RUN, now=NOW + MINUTE)
    assert [one async for one in stored["agenda"].open_runs()] == [
        (RUN, NOW + MINUTE),
        (other, NOW),
    ]
    for _ in range(2):
        await stored["agenda"].close_run(RUN)
    assert [run_id async for run_id, _ in stored["agenda"].open_runs()] == [other]


async def test_run_that_may_be_corrected_is_kept_until_its_time(stored: Stores) -> None:
    await stored["agenda"].keep_for_correction(RUN, until=NOW)
    assert [one async for one in stored["agenda"].for_correction()] == [(RUN, NOW)]
    assert [one async for one in stored["agenda"].open_runs()] == []
    for _ in range(2):
        await stored["agenda"].end_correction(RUN)
    assert [one async for one in stored["agenda"].for_correction()] == []


async def test_watermark_is_none_until_it_is_set(stored: Stores) -> None:
    assert await stored["agenda"].watermark() is None
    for at in (NOW + MINUTE, NOW):
        await stored["agenda"].set_watermark(at)
        assert await stored["agenda"].watermark() == at
