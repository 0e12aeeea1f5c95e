"""Runs within Azure's budgets and within their own limit, through the whole pipeline in memory."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.adapters.memory.rows import MemoryRows
from shared.adapters.storage.budgets import BUDGETS, Budgets
from shared.adapters.storage.rows import Write
from shared.application.assignments import put_assignment
from shared.application.callers import LOCAL
from shared.application.configurations import put_configuration
from shared.application.limits import Limits
from shared.application.ports import Accepted, InstallOrder, InstallReply, NotNow, StaleError
from shared.domain.budget import Bucket
from shared.domain.run import Outcome, Phase, Reason
from tests.builders import (
    CONFIGURATION,
    SUBSCRIPTION,
    WINDOW_OPENS,
    a_configuration,
    a_machine,
    a_scope,
    a_state,
)
from tests.drill import MINUTE, Drill

OTHER = CONFIGURATION.replace("nightly", "other")


def a_drill(machines: int, **more: Any) -> Drill:
    return Drill([a_state(a_machine(f"vm-{n:03}")) for n in range(machines)], **more)


def limited(value: str) -> dict[str, Any]:
    document = a_configuration()
    document["properties"]["extensionProperties"]["Muster.MaxConcurrency"] = value
    return document


async def minute(drill: Drill, number: int) -> int:
    """Let so many minutes of the window pass; the installs that were asked for until then."""
    await drill.run_until(WINDOW_OPENS + number * MINUTE)
    return len(drill.fleet.installs)


async def test_no_more_is_sent_than_the_buckets_hold_and_no_token_is_left_lying() -> None:
    drill = a_drill(300)
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS - MINUTE
    assert await minute(drill, 0) == 190
    assert await minute(drill, 1) == 190 + 63
    held = {job.held_by for job in await drill.jobs() if job.phase is Phase.QUEUED}
    assert held == {Reason.PATCH_BUDGET}
    assert await minute(drill, 2) == 300
    await drill.run_until(WINDOW_OPENS + 15 * MINUTE)
    assert {job.outcome for job in await drill.jobs()} == {Outcome.SUCCEEDED}
    assert not await drill.broken()


async def test_what_the_budget_held_until_the_cut_off_says_so() -> None:
    drill = a_drill(3, limits=Limits(azure_cut_off=timedelta(hours=2, minutes=58)))
    drill.fleet.replies = {
        a_machine("vm-000").key: [
            NotNow(message="429", cause="throttled", again_in=timedelta(minutes=9))
        ]
    }
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await drill.run_until(WINDOW_OPENS + 20 * MINUTE)
    jobs = {job.machine_id[-3:]: (job.outcome, job.reason) for job in await drill.jobs()}
    assert jobs["000"] == (Outcome.TIMED_OUT, Reason.PATCH_BUDGET)
    assert not await drill.broken()


async def test_a_wait_that_azure_asks_for_holds_the_whole_place() -> None:
    drill = a_drill(200)
    first = min(drill.fleet.states)
    drill.fleet.replies[first] = [
        NotNow(message="429", cause="throttled", again_in=timedelta(minutes=3, seconds=30))
    ]
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS - MINUTE
    sent = await minute(drill, 0)
    assert sent in (189, 190)
    assert await minute(drill, 3) == sent, "nothing more is sent while Azure wants to be left alone"
    assert await minute(drill, 4) == 200
    assert not await drill.broken()


class Counting:
    """Azure's own count of a bucket, told with each reply."""

    def __init__(self, drill: Drill, left: int) -> None:
        self._fleet = drill.fleet
        self._install = drill.fleet.install
        self.left = left

    async def install(self, order: InstallOrder) -> InstallReply:
        reply = await self._install(order)
        self.left -= 1
        told = f"{Bucket.PATCH_3_MINUTES};{self.left}"
        return replace(reply, budget_left=told) if isinstance(reply, Accepted) else reply


@pytest.mark.parametrize(
    ("left", "sent"),
    [
        pytest.param(190, 253, id="as it is known"),
        pytest.param(210, 273, id="a little more than is known"),
        pytest.param(1000, 390, id="so much more that the writes are what holds"),
    ],
)
async def test_azures_own_count_corrects_the_estimate(
    left: int, sent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    drill = a_drill(400)
    monkeypatch.setattr(drill.fleet, "install", Counting(drill, left).install)
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS - MINUTE
    assert await minute(drill, 0) == 190
    assert await minute(drill, 1) == sent
    assert not await drill.broken()


async def test_runs_that_wait_for_one_place_get_the_same() -> None:
    teams = [a_machine(f"vm-{n:04}", tags={"team": "ab"[n % 2]}) for n in range(1600)]
    drill = Drill([a_state(machine) for machine in teams])
    subscription = f"/subscriptions/{SUBSCRIPTION}"
    for team, configuration, start in (("a", CONFIGURATION, "02:00"), ("b", OTHER, "02:01")):
        document = a_configuration(startDateTime=f"2026-06-01 {start}")
        await put_configuration(drill.services, configuration, document=document, caller=LOCAL)
        scope = a_scope({"tagSettings": {"tags": {"team": [team]}}}, configuration)
        await put_assignment(drill.services, subscription, name=team, document=scope, caller=LOCAL)
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await minute(drill, 1)
    first = started_by_team(drill)
    await minute(drill, 7)
    then = started_by_team(drill)
    assert first == {"a": 190 + 63}, "it was alone"
    assert then["a"] - first["a"] + then["b"] == 6 * 190 // 3
    assert abs(then["a"] - first["a"] - then["b"]) <= 1
    assert not await drill.broken()


def started_by_team(drill: Drill) -> Counter[str]:
    return Counter(one.order.machine.tags["team"] for one in drill.fleet.installs)


class RivalRows(MemoryRows):
    """Another pass takes tokens between this one's look and its reservation."""

    rivals = 1

    async def write(self, table: str, write: Write) -> str:
        if table == BUDGETS and self.rivals:
            self.rivals -= 1
            await super().write(table, write)  # the same place, taken by somebody else
            raise StaleError(table)
        return await super().write(table, write)


async def test_who_lost_the_race_for_tokens_dispatches_what_is_left() -> None:
    drill = a_drill(100)
    rows = RivalRows()
    drill.services = replace(
        drill.services,
        budgets=Budgets(rows),
    )
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS - MINUTE
    assert await minute(drill, 0) == 90, "190 less the hundred that the other has taken"
    assert await minute(drill, 1) == 100


@pytest.mark.parametrize(
    ("limit", "at_once"), [("3", 3), ("10%", 2), ("1", 1), ("100%", 20), ("500", 20)]
)
async def test_a_run_patches_no_more_machines_at_once_than_it_allows(
    limit: str, at_once: int
) -> None:
    drill = a_drill(20)
    await drill.configure(limited(limit))
    drill.clock.instant = WINDOW_OPENS - MINUTE
    most, until = 0, WINDOW_OPENS + 3 * 60 * MINUTE
    while drill.clock.instant < until:
        await drill.run_until(drill.clock.instant + MINUTE)
        most = max(most, len(under_way(drill, drill.clock.instant)))
    assert most == at_once
    assert not await drill.broken()


def under_way(drill: Drill, now: datetime) -> list[str]:
    return [one.activity_id for one in drill.fleet.installs if one.at <= now < one.ends_at]


async def test_what_the_runs_own_limit_held_until_the_cut_off_says_so() -> None:
    drill = a_drill(40)
    await drill.configure(limited("1"))
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await drill.run_until(WINDOW_OPENS + 5 * 60 * MINUTE, step=MINUTE)
    ended = {(job.outcome, job.reason) for job in await drill.jobs()}
    assert ended == {
        (Outcome.SUCCEEDED, None),
        (Outcome.TIMED_OUT, Reason.MAX_CONCURRENCY),
    }
    assert not await drill.broken()
