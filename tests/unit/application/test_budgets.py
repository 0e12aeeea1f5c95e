"""Runs within Azure's budgets and within their own limit, through the whole pipeline in memory."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import pytest

from shared.adapters.memory.machines import LOST
from shared.adapters.memory.rows import MemoryRows
from shared.adapters.storage.budgets import BUDGETS, Budgets
from shared.adapters.storage.rows import Write
from shared.application.callers import LOCAL
from shared.application.configurations import put_configuration
from shared.application.limits import Limits
from shared.application.ports import (
    Accepted,
    InstallOrder,
    InstallReply,
    NotNow,
    Services,
    StaleError,
    Uncertain,
)
from shared.domain.budget import Bucket
from shared.domain.machine import Machine, MachineState, MachineType
from shared.domain.records import job_key
from shared.domain.report import InstallReport
from shared.domain.run import Outcome, Phase, Reason
from shared.errors import UnavailableError
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

ARC = MachineType.ARC_SERVER


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


def team(name: str, machines: int, *, machine_type: MachineType = ARC) -> list[Machine]:
    return [
        a_machine(f"{name}-{n:04}", machine_type=machine_type, tags={"team": name})
        for n in range(machines)
    ]


async def with_teams(drill: Drill, **documents: dict[str, Any]) -> Drill:
    """A configuration for each team's machines, a minute before the first window."""
    for name, document in documents.items():
        configuration = CONFIGURATION.replace("nightly", name)
        await put_configuration(drill.services, configuration, document=document, caller=LOCAL)
        scope = a_scope({"tagSettings": {"tags": {"team": [name]}}}, configuration)
        await drill.attach(f"/subscriptions/{SUBSCRIPTION}", name, scope)
    drill.clock.instant = WINDOW_OPENS - MINUTE
    return drill


def at(start: str) -> dict[str, Any]:
    return a_configuration(startDateTime=f"2026-06-01 {start}")


def states(*machines: Machine) -> list[MachineState]:
    return [a_state(machine) for machine in machines]


class Sent:
    """The requests of each minute, and what some of them are answered with."""

    def __init__(
        self, drill: Drill, answer: Callable[[InstallOrder], InstallReply | None] = lambda _: None
    ) -> None:
        self.by_minute = Counter[int]()
        self._clock, self._install, self._answer = drill.clock, drill.fleet.install, answer

    async def install(self, order: InstallOrder) -> InstallReply:
        self.by_minute[(self._clock.now() - WINDOW_OPENS) // MINUTE] += 1
        return self._answer(order) or await self._install(order)


def throttled(minutes: float) -> NotNow:
    return NotNow(message="429", cause="throttled", again_in=minutes * MINUTE)


async def test_a_run_that_its_own_limit_holds_takes_nothing_from_the_others() -> None:
    drill = Drill(states(*team("a", 300), *team("b", 1500)), takes=60 * MINUTE)
    await with_teams(drill, a=limited("1"), b=a_configuration())
    await minute(drill, 7)
    assert started_by_team(drill) == {"a": 1, "b": 1500}


async def test_vms_that_wait_for_patch_operations_take_no_writes_from_arc_servers() -> None:
    vms = team("a", 600, machine_type=MachineType.AZURE_VM)
    drill = Drill(states(*vms, *team("b", 1500)))
    await with_teams(drill, a=a_configuration(), b=a_configuration())
    await minute(drill, 12)
    assert started_by_team(drill)["b"] == 1500


async def test_where_nothing_is_left_one_request_asks_for_all_runs_of_the_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = {f"t{n}": team(f"t{n}", 3, machine_type=MachineType.AZURE_VM) for n in range(20)}
    first = team("first", 190, machine_type=MachineType.AZURE_VM)
    drill = Drill(states(*first, *chain(*others.values())), takes=60 * MINUTE)
    await with_teams(drill, first=at("02:00"), **dict.fromkeys(others, at("02:01")))
    empty = {"first": None}
    sent = Sent(drill, lambda order: empty.get(order.machine.tags["team"], throttled(0.5)))
    monkeypatch.setattr(drill.fleet, "install", sent.install)
    await minute(drill, 2)
    assert sent.by_minute[1] + sent.by_minute[2] <= 2


@pytest.mark.parametrize(
    "is_refused", [False, True], ids=["told that nothing is left", "told to wait"]
)
async def test_what_a_run_was_told_counts_for_the_others_though_it_waits_for_nothing_more(
    is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    vms = [team(name, 50, machine_type=MachineType.AZURE_VM) for name in "ab"]
    drill = Drill(states(*chain(*vms)))
    await with_teams(drill, a=at("02:00"), b=at("02:01"))
    told = f"{Bucket.PATCH_3_MINUTES};0,{Bucket.PATCH_30_MINUTES};0"
    known = Accepted(operation="o", activity_id="a", budget_left=told)
    sent = Sent(drill, lambda _: throttled(20) if is_refused else known)
    monkeypatch.setattr(drill.fleet, "install", sent.install)
    await minute(drill, 1)
    assert sent.by_minute[0] == 50
    assert sent.by_minute[1] <= 1


async def test_machines_that_azure_finds_busy_are_not_asked_without_tokens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drill = a_drill(300)
    await drill.configure()
    busy = NotNow(message="409", cause="busy", again_in=5 * MINUTE)
    sent = Sent(drill, lambda _: busy)
    monkeypatch.setattr(drill.fleet, "install", sent.install)
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await minute(drill, 20)
    most = max(sum(sent.by_minute[first + n] for n in range(3)) for first in range(18))
    assert most <= 190 + 3, "no more than the bucket of three minutes holds, and what asks"


async def test_a_lost_reply_ends_no_run_of_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    drill = a_drill(5)
    await drill.configure(limited("1"))
    lost: list[InstallReply | None] = [Uncertain(message="408")]
    sent = Sent(drill, lambda _: lost.pop() if lost else None)
    monkeypatch.setattr(drill.fleet, "install", sent.install)
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await minute(drill, 5 * 60)
    outcomes = Counter(job.outcome for job in await drill.jobs())
    assert outcomes == {Outcome.SUCCEEDED: 4, Outcome.UNKNOWN: 1}
    assert not await drill.broken()


async def test_machines_in_other_hands_to_the_end_are_skipped_also_under_a_limit() -> None:
    drill = Drill(states(*team("a", 30)), takes=timedelta(hours=4))
    await with_teams(drill, a=at("02:00"))
    configuration = CONFIGURATION.replace("nightly", "late")
    document = limited("1")
    document["properties"]["maintenanceWindow"]["startDateTime"] = "2026-06-01 02:05"
    await put_configuration(drill.services, configuration, document=document, caller=LOCAL)
    scope = a_scope({}, configuration)
    await drill.attach(f"/subscriptions/{SUBSCRIPTION}", "late", scope)
    await minute(drill, 200)
    (run,) = [run async for run in drill.services.runs.list(configuration)]
    ended = {(job.outcome, job.reason) for job in await drill.jobs(run)}
    assert ended == {(Outcome.SKIPPED, Reason.BUSY)}
    assert not await drill.broken()


async def test_runs_that_wait_for_one_place_get_the_same() -> None:
    drill = Drill(states(*team("a", 1000), *team("b", 1000)))
    await with_teams(drill, a=at("02:00"), b=at("02:01"))
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


async def test_what_was_busy_once_says_what_held_it_since(monkeypatch: pytest.MonkeyPatch) -> None:
    drill = await with_teams(Drill(states(*team("a", 3))), a=at("02:00"))
    configuration = CONFIGURATION.replace("nightly", "late")
    await put_configuration(drill.services, configuration, document=at("02:02"), caller=LOCAL)
    scope = a_scope({}, configuration)
    await drill.attach(f"/subscriptions/{SUBSCRIPTION}", "late", scope)
    await minute(drill, 3)

    async def nobody(services: Services, body: str) -> None:
        """No worker takes a job any more."""

    monkeypatch.setattr("tests.drill.handle_job_message", nobody)
    await minute(drill, 6 * 60)
    (run,) = [run async for run in drill.services.runs.list(configuration)]
    ended = {(job.outcome, job.reason) for job in await drill.jobs(run)}
    assert ended == {(Outcome.TIMED_OUT, Reason.OUTAGE)}


async def test_one_at_a_time_holds_while_no_report_can_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drill = a_drill(2, takes=timedelta(hours=2))
    await drill.configure(limited("1"))
    drill.fleet.replies = {key: [LOST] for key in drill.fleet.states}
    read = drill.fleet.changed_since

    async def changed_since(instant: datetime, *, limit: int) -> AsyncIterator[list[InstallReport]]:
        if drill.clock.instant < WINDOW_OPENS + 40 * MINUTE:
            raise UnavailableError("Resource Graph is away.")
        async for page in read(instant, limit=limit):
            yield page

    monkeypatch.setattr(drill.fleet, "changed_since", changed_since)
    drill.clock.instant = WINDOW_OPENS - MINUTE
    assert await minute(drill, 90) == 1
    assert await minute(drill, 140) == 2
    assert not await drill.broken()
