"""The simulation's time: events in the order of their instants, and processes that die between two of them."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from localhost.simulation.chances import DEATH, Chances
from localhost.simulation.journal import Journal
from localhost.simulation.process import FUNCTION_TIMEOUT, Invocation, Process
from localhost.simulation.timeline import Timeline, run_on

START = datetime(2026, 6, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def a_process(timeline: Timeline, shares: dict[str, float] | None = None) -> Process:
    chances = Chances(Random(1), shares or {})
    journal = Journal(timeline.now)
    return Process("host 1", timeline, chances, journal=journal, skew=-5 * SECOND)


def test_events_happen_by_their_instants_whatever_the_order_of_planning() -> None:
    timeline, seen = Timeline(START), list[tuple[str, datetime]]()

    async def wait() -> None:
        done = asyncio.get_running_loop().create_future()
        timeline.after(3 * SECOND, lambda: done.set_result(None))
        timeline.after(2 * SECOND, lambda: seen.append(("later", timeline.now())))
        timeline.after(SECOND, lambda: seen.append(("sooner", timeline.now())))
        await done

    run_on(timeline, wait())
    assert seen == [("sooner", START + SECOND), ("later", START + 2 * SECOND)]
    assert timeline.now() == START + 3 * SECOND


def test_waiting_for_nothing_is_an_error() -> None:
    async def wait() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(LookupError, match="nothing is left"):
        run_on(Timeline(START), wait())


def test_two_calls_take_effect_by_their_instants_and_not_by_their_order() -> None:
    timeline, effects = Timeline(START), list[str]()
    process = a_process(timeline)

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            for name, takes in (("slow", 2 * SECOND), ("fast", SECOND)):
                group.create_task(call(name, takes))

    async def call(name: str, takes: timedelta) -> None:
        await process.call(name, lambda: effects.append(name), takes=takes)

    run_on(timeline, both())
    assert effects == ["fast", "slow"]


def test_a_process_has_a_clock_of_its_own() -> None:
    assert a_process(Timeline(START)).now() == START - 5 * SECOND


def invoked(timeline: Timeline, process: Process, takes: timedelta) -> list[str]:
    """What became of an invocation that makes one call."""
    heard: list[str] = []

    async def watch() -> None:
        done = asyncio.get_running_loop().create_future()
        invocation = Invocation(
            name="work",
            work=lambda: process.call("work", lambda: None, takes=takes),
            ended=lambda _, error: heard.append(f"ended {error}"),
            lost=lambda: heard.append("lost"),
        )
        process.invoke(invocation)
        timeline.after(timedelta(hours=1), lambda: done.set_result(None))
        await done

    run_on(timeline, watch())
    return heard


def test_an_invocation_that_ends_is_heard_of() -> None:
    timeline = Timeline(START)
    assert invoked(timeline, a_process(timeline), SECOND) == ["ended None"]


def test_an_invocation_of_a_process_that_dies_is_lost() -> None:
    timeline = Timeline(START)
    process = a_process(timeline, {DEATH: 1.0})
    assert invoked(timeline, process, SECOND) == ["lost"]
    assert not process.is_alive


def test_a_function_that_takes_too_long_costs_the_process_its_life() -> None:
    timeline = Timeline(START)
    process = a_process(timeline)
    assert invoked(timeline, process, FUNCTION_TIMEOUT + SECOND) == ["lost"]
    assert not process.is_alive
