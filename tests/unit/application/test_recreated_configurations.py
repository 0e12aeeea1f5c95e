"""A configuration that takes the id of a deleted one inherits nothing from it, and loses nothing to those who lag.

Each test lets somebody stall at one call of one port while others delete a configuration and create it anew.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.application.assignments import put_assignment
from shared.application.callers import LOCAL, TIMER
from shared.application.cancel_run import cancel_run
from shared.application.configurations import (
    delete_configuration,
    finish_deletion,
    put_configuration,
)
from shared.application.ports import Services, StoredConfiguration
from shared.application.start_run import start_configuration_run
from shared.domain.records import RunId, run_key
from shared.domain.run import RunStatus
from shared.errors import NotFoundError
from tests.builders import (
    CONFIGURATION,
    SUBSCRIPTION,
    WINDOW_OPENS,
    a_configuration,
    a_scope,
    a_state,
)
from tests.drill import MINUTE, Drill

SCOPE = f"/subscriptions/{SUBSCRIPTION}"
OTHER = CONFIGURATION.replace("nightly", "weekly")
DAY = timedelta(days=1)
LISTS = ("list", "list_of", "open_runs")
NEXT_DAY = RunId(configuration_id=CONFIGURATION, key=run_key(WINDOW_OPENS + DAY))

Others = Callable[[], Awaitable[object]]


class Meanwhile:
    """A port that lets `others` work before call number `at` of one of its methods is done."""

    def __init__(self, port: Any, method: str, others: Others, *, at: int = 1) -> None:
        self._port = port
        self._method = method
        self._others = others
        self.calls_to_go = at

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name != self._method:
            return found
        return self._listed(found) if name in LISTS else self._called(found)

    def _called(self, method: Callable[..., Awaitable[Any]]) -> Any:
        async def called(*args: Any, **named: Any) -> Any:
            await self._stall()
            return await method(*args, **named)

        return called

    def _listed(self, method: Callable[..., AsyncIterator[Any]]) -> Any:
        async def listed(*args: Any, **named: Any) -> AsyncIterator[Any]:
            await self._stall()
            async for one in method(*args, **named):
                yield one

        return listed

    async def _stall(self) -> None:
        self.calls_to_go -= 1
        if self.calls_to_go == 0:
            await self._others()


async def create(services: Services, configuration_id: str = CONFIGURATION) -> StoredConfiguration:
    document = a_configuration()
    written = await put_configuration(services, configuration_id, document=document, caller=LOCAL)
    return written.stored


async def create_anew(drill: Drill, configuration_id: str = CONFIGURATION) -> None:
    """Delete the configuration and create it again, later."""
    await delete_configuration(drill.services, configuration_id, caller=LOCAL)
    drill.clock.advance(MINUTE)
    await create(drill.services, configuration_id)


async def marked(services: Services) -> StoredConfiguration:
    """The configuration after a deletion that got no further than its mark."""
    stored = await services.configurations.get(CONFIGURATION)
    assert stored
    now = services.clock.now()
    await services.agenda.look_at(CONFIGURATION, revision="marked", now=now)
    marked = replace(stored, deleting=True, revision="marked", modified_at=now)
    return await services.configurations.replace(marked)


async def attached(services: Services, configuration_id: str = CONFIGURATION) -> list[str]:
    """What hangs on the subscription and is found through the configuration too."""
    in_index = [one.name async for one in services.assignments.list_of(configuration_id)]
    in_scope = [one async for one in services.assignments.list(SCOPE)]
    assert in_index == [one.name for one in in_scope if one.configuration_id == configuration_id]
    return in_index


# --- those who still delete the old one ----------------------------------------------------------


@pytest.mark.parametrize(
    ("port", "method", "at"),
    [
        pytest.param("configurations", "get", 1, id="before it looks at the configuration"),
        pytest.param("runs", "insert_closed", 1, id="recording what was due"),
        pytest.param("agenda", "open_runs", 1, id="before it lists open runs"),
        pytest.param("runs", "list", 1, id="before it lists cancelled occurrences"),
        pytest.param("configurations", "get", 2, id="before it looks again"),
        pytest.param("runs", "replace", 1, id="before it cancels a run"),
        pytest.param("runs", "remove", 1, id="before it removes a cancelled occurrence"),
        pytest.param("assignments", "list_of", 1, id="before it lists assignments"),
        pytest.param("configurations", "get", 3, id="before it looks a third time"),
        pytest.param("assignments", "delete", 1, id="before it deletes an assignment"),
        pytest.param("configurations", "delete", 1, id="before it deletes the configuration"),
        pytest.param("agenda", "forget", 1, id="before the agenda forgets"),
    ],
)
async def test_stalled_finisher_takes_nothing_from_a_successor(
    port: str, method: str, at: int
) -> None:
    drill = Drill([a_state()])
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await drill.run_until(WINDOW_OPENS)
    (old,) = await drill.runs()
    await cancel_run(drill.services, NEXT_DAY, caller=LOCAL)
    stored = await marked(drill.services)
    base, acknowledged = drill.services, list[str]()

    async def others() -> None:
        await delete_configuration(base, CONFIGURATION, caller=LOCAL)
        drill.clock.advance(MINUTE)
        await drill.configure()
        await cancel_run(base, NEXT_DAY, caller=LOCAL)
        started = await start_configuration_run(base, CONFIGURATION, caller=LOCAL)
        acknowledged.extend([NEXT_DAY.key, started.key])

    stalled: Any = Meanwhile(getattr(base, port), method, others, at=at)
    lagging: Any = {port: stalled}
    await finish_deletion(replace(base, **lagging), stored, caller=TIMER)
    assert stalled.calls_to_go <= 0
    found = await base.configurations.get(CONFIGURATION)
    assert found
    assert not found.deleting
    assert await base.agenda.get(CONFIGURATION)
    assert await attached(base) == ["everything"]
    runs = {run.key: run for run in await drill.runs()}
    assert set(runs) == {old.key, *acknowledged}
    assert runs[old.key].cancellation
    assert runs[NEXT_DAY.key].status is RunStatus.CANCELLED
    assert runs[acknowledged[1]].cancellation is None


async def test_finisher_takes_what_is_changed_under_its_hands() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    base = drill.services
    stored = await marked(base)

    async def somebody_writes() -> None:
        (one,) = [one async for one in base.assignments.list_of(CONFIGURATION)]
        await base.assignments.replace(one, one)

    stalled: Any = Meanwhile(base.assignments, "delete", somebody_writes)
    await finish_deletion(replace(base, assignments=stalled), stored, caller=TIMER)
    assert await attached(base) == []
    assert await base.configurations.get(CONFIGURATION) is None


# --- occurrences that were cancelled -------------------------------------------------------------


async def test_cancelled_occurrence_of_a_deleted_configuration_binds_no_successor() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    run_id = RunId(configuration_id=CONFIGURATION, key=run_key(WINDOW_OPENS))
    await cancel_run(drill.services, run_id, caller=LOCAL)
    await delete_configuration(drill.services, CONFIGURATION, caller=LOCAL)
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await drill.run_until(WINDOW_OPENS + 10 * MINUTE)
    assert len(drill.fleet.installs) == 1
    assert await drill.broken() == []


async def test_cancelled_occurrence_whose_time_had_come_stays_readable() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    run_id = RunId(configuration_id=CONFIGURATION, key=run_key(WINDOW_OPENS))
    cancelled = await cancel_run(drill.services, run_id, caller=LOCAL)
    drill.clock.instant = WINDOW_OPENS
    await delete_configuration(drill.services, CONFIGURATION, caller=LOCAL)
    assert await drill.runs() == [cancelled]


# --- those who still write a scope of the old one ------------------------------------------------


class DiedError(Exception):
    """The process is dead."""


async def test_scope_whose_put_died_attaches_itself_to_no_later_configuration() -> None:
    drill = Drill([a_state()])
    await create(drill.services)
    base = drill.services

    async def delete() -> None:
        await delete_configuration(base, CONFIGURATION, caller=LOCAL)

    async def die() -> None:
        raise DiedError

    dying: Any = Meanwhile(base.configurations, "get", die, at=2)
    late: Any = Meanwhile(base.assignments, "insert", delete)
    with pytest.raises(DiedError):
        await put_assignment(
            replace(base, configurations=dying, assignments=late),
            SCOPE,
            name="dead",
            document=a_scope(),
            caller=LOCAL,
        )
    with pytest.raises(NotFoundError):
        await drill.attach(SCOPE, "dead", a_scope())
    await create(base)
    assert await attached(base) == []


async def test_scope_that_is_put_while_its_configuration_is_created_anew_belongs_to_that() -> None:
    drill = Drill([a_state()])
    await create(drill.services)
    base = drill.services
    late: Any = Meanwhile(base.assignments, "insert", lambda: create_anew(drill))
    written = await put_assignment(
        replace(base, assignments=late), SCOPE, name="late", document=a_scope(), caller=LOCAL
    )
    assert await base.assignments.get(SCOPE, "late") == written.stored
    assert await attached(base) == ["late"]


async def test_scope_is_acknowledged_only_as_what_no_stalled_rival_may_take() -> None:
    """The first write may have been listed as a leftover before the configuration was created anew."""
    drill = Drill([a_state()])
    await create(drill.services)
    base, listed = drill.services, list[str]()

    async def others() -> None:
        await create_anew(drill)
        listed.extend([one.etag async for one in base.assignments.list_of(CONFIGURATION)])

    late: Any = Meanwhile(base.configurations, "get", others, at=2)
    written = await put_assignment(
        replace(base, configurations=late), SCOPE, name="late", document=a_scope(), caller=LOCAL
    )
    assert written.stored.etag not in listed
    assert await attached(base) == ["late"]


async def test_stalled_creator_takes_no_scope_from_a_rival() -> None:
    drill = Drill([a_state()])
    await create(drill.services)
    await drill.attach(SCOPE, "left behind", a_scope())
    stored = await marked(drill.services)
    await drill.services.configurations.delete(stored)
    base = drill.services
    stalled: Any = Meanwhile(base.assignments, "delete", drill.configure)
    await create(replace(base, assignments=stalled))
    assert await attached(base) == ["everything"]


async def no_more(drill: Drill) -> None:
    await delete_configuration(drill.services, CONFIGURATION, caller=LOCAL)


@pytest.mark.parametrize(
    "home_goes",
    [
        pytest.param(no_more, id="is gone"),
        pytest.param(create_anew, id="was created anew"),
    ],
)
async def test_scope_does_not_go_back_to_a_configuration_that(
    home_goes: Callable[[Drill], Awaitable[None]],
) -> None:
    drill = Drill([a_state()])
    await drill.configure()
    await create(drill.services, OTHER)
    base = drill.services

    async def delete_other() -> None:
        await delete_configuration(base, OTHER, caller=LOCAL)

    moving = Meanwhile(base.assignments, "replace", delete_other)
    going_back: Any = Meanwhile(moving, "replace", lambda: home_goes(drill), at=2)
    with pytest.raises(NotFoundError):
        await put_assignment(
            replace(base, assignments=going_back),
            SCOPE,
            name="everything",
            document=a_scope(configuration_id=OTHER),
            caller=LOCAL,
        )
    assert going_back.calls_to_go == 0
    assert [one.name async for one in base.assignments.list(SCOPE)] == []
