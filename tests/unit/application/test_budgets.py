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
from shared.domain.machine import MachineType
from shared.domain.records import job_key
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


async def test_no_more_is_sent_than_the_buckets_hold() -> None:
    drill = a_drill(300)
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS - MINUTE
    assert await minute(drill, 0) == 190
    assert await minute(drill, 2) == 192, "one each minute, for Azure's word"
    held = {job.held_by for job in await drill.jobs() if job.phase is Phase.QUEUED}
    assert held == {Reason.PATCH_BUDGET}
    assert await minute(drill, 3) == 300
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


async def test_a_wait_that_azure_asks_for_holds_all_vms_of_the_place_and_no_arc_server() -> None:
    arc = a_state(a_machine("arc", machine_type=MachineType.ARC_SERVER))
    drill = Drill([a_state(a_machine(f"vm-{n:03}")) for n in range(200)] + [arc])
    later = NotNow(message="429", cause="throttled", again_in=timedelta(minutes=3, seconds=30))
    first = min(drill.fleet.states, key=job_key)
    drill.fleet.replies[first] = [later]
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS - MINUTE
    sent = await minute(drill, 0)
    assert sent in (190, 189)
    assert await minute(drill, 3) == 190, (
        "but for the Arc server, nothing while Azure wants to wait"
    )
    assert await minute(drill, 4) == 201
    assert not await drill.broken()


class Counting:
    """Azure's own bucket for three minutes, told with each reply; it refuses what it has no token for.

    *flow* comes back each minute; what *others* took is missing from the first.
    """

    def __init__(self, drill: Drill, *, size: int, flow: int, others: int = 0) -> None:
        self._install = drill.fleet.install
        self._clock = drill.clock
        self._size, self._flow, self._left = size, flow, size - others
        self._at = WINDOW_OPENS
        self.refused = 0

    async def install(self, order: InstallOrder) -> InstallReply:
        minutes = (self._clock.now() - self._at) // MINUTE
        self._left = min(self._size, self._left + minutes * self._flow)
        self._at += minutes * MINUTE
        if self._left < 1:
            self.refused += 1
            return NotNow(message="429", cause="throttled", again_in=MINUTE / 2)
        self._left -= 1
        told = f"{Bucket.PATCH_3_MINUTES};{self._left}"
        reply = await self._install(order)
        return replace(reply, budget_left=told) if isinstance(reply, Accepted) else reply


@pytest.mark.parametrize(
    ("bucket", "sent"),
    [
        pytest.param({"size": 190, "flow": 63}, [190, 191, 253, 316, 379], id="it flows evenly"),
        pytest.param({"size": 1000, "flow": 0}, [190, 390, 590, 600], id="more than is known"),
        pytest.param(
            {"size": 190, "flow": 63, "others": 20}, [170, 171, 233, 296], id="others took of it"
        ),
    ],
)
async def test_azures_own_count_corrects_the_estimate(
    bucket: dict[str, int], sent: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    drill = a_drill(600)
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS - MINUTE
    counting = Counting(drill, **bucket)
    monkeypatch.setattr(drill.fleet, "install", counting.install)
    assert [await minute(drill, number) for number in range(len(sent))] == sent
    assert counting.refused == bucket.get("others", 0)
    assert not await drill.broken()


async def test_runs_that_wait_for_one_place_get_the_same() -> None:
    teams = [
        a_machine(f"arc-{n:04}", machine_type=MachineType.ARC_SERVER, tags={"team": "ab"[n % 2]})
        for n in range(2000)
    ]
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
    await minute(drill, 6)
    then = started_by_team(drill)
    assert first == {"a": 400}, "it was alone"
    assert then["a"] - first["a"] + then["b"] == 5 * 200
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
    assert await minute(drill, 3) == 100


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
