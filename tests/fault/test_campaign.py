"""The fault campaign: a fixed set of seeds breaks no rule, one replays exactly, and planted faults are found."""

import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

import pytest

from localhost.campaign import requests
from localhost.campaign.trial import try_seed
from shared.adapters.arm import ArmClient, NoReply
from shared.application import hear_reports, reconcile_run, settle_results, start_job
from shared.application.hear_reports import Heard
from shared.application.ports import InstallOrder, Services
from shared.domain import dispatch
from shared.domain.records import Job, JobChange, JobGlance, Run, RunId
from shared.domain.report import InstallReport
from shared.domain.run import Phase

SEEDS = range(1, 4)
REPLAYED = 2
ENOUGH = 40
"""Seeds within which a planted fault has to be found."""

unharmed = cache(try_seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_rule_breaks(seed: int) -> None:
    verdict = unharmed(seed)
    assert verdict.violations == ()
    assert verdict.installs > 0
    assert sum(verdict.faults.values()) > 0


def test_a_seed_replays_exactly_in_another_process() -> None:
    command = [sys.executable, "-m", "localhost", "faults", "--seed", str(REPLAYED)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "4711"}
    )
    replayed = re.search(r"digest (\w+)", done.stdout)
    assert replayed
    assert replayed[1] == unharmed(REPLAYED).digest


def test_seeds_differ() -> None:
    assert unharmed(SEEDS[0]).digest != unharmed(REPLAYED).digest


# --- planted faults: the first of the seeds is one that finds it, as long as the product goes the same way ------------


def sends_again_after_a_lost_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    send = ArmClient.send

    async def twice(*arguments: Any, **options: Any) -> Any:
        reply = await send(*arguments, **options)
        return await send(*arguments, **options) if isinstance(reply, NoReply) else reply

    monkeypatch.setattr(ArmClient, "send", twice)


def saves_starting_after_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async def start(self: Any, job: Job, order: InstallOrder) -> None:
        now = self._services.clock.now()
        reply = await self._ask(job, order)
        job = await self._move(
            job, Phase.STARTING, starting_at=now, claimed_until=now + self._limits.claim
        )
        await self._record(job, reply)

    monkeypatch.setattr(start_job._Worker, "_start", start)


def ignores_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(self: Any, job: Job) -> None:
        return None

    monkeypatch.setattr(start_job._Worker, "_held_by_other", nobody)


def takes_any_word_for_final(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InstallReport, "is_final", property(lambda report: True))


def adopts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hear_reports, "may_be_of", lambda report, job: False)


def forgets_a_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(services: Services, run_id: RunId, *, caller: Any) -> Run | None:
        return await services.runs.get(run_id)

    monkeypatch.setattr(requests, "cancel_run", nothing)


def ignores_the_limit_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class Boundless(dispatch._Room):
        def __init__(self, jobs: Sequence[JobGlance], rules: dispatch.DispatchRules) -> None:
            super().__init__(jobs, replace(rules, max_concurrency=None))

    monkeypatch.setattr(dispatch, "_Room", Boundless)


def throws_updates_away(monkeypatch: pytest.MonkeyPatch) -> None:
    updates_of = settle_results._updates_of

    def nothing(report: InstallReport, heard: Heard, now: datetime) -> Any:
        return updates_of(
            report, replace(heard, updates=None if heard.updates is None else {}), now
        )

    monkeypatch.setattr(settle_results, "_updates_of", nothing)


def ignores_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    async def plan_at_once(
        services: Services,
        run_id: RunId,
        jobs: Mapping[str, JobGlance],
        rules: dispatch.DispatchRules,
    ) -> list[JobChange]:
        return dispatch.plan(list(jobs.values()), rules)

    monkeypatch.setattr(reconcile_run, "plan_within_budgets", plan_at_once)


@pytest.mark.parametrize(
    ("plant", "sign", "first"),
    [
        pytest.param(sends_again_after_a_lost_reply, "asked again after", 1, id="sends again"),
        pytest.param(saves_starting_after_the_call, "asked again after", 4, id="saves too late"),
        pytest.param(ignores_the_lock, "held it", 2, id="no lock"),
        pytest.param(takes_any_word_for_final, "has not ended", 1, id="claims too early"),
        pytest.param(adopts_nothing, "but Azure showed", 3, id="does not look"),
        pytest.param(forgets_a_cancellation, "stopped at", 1, id="forgets what it said"),
        pytest.param(ignores_the_limit_of_a_run, "at once", 1, id="too many at once"),
        pytest.param(throws_updates_away, "it counts", 1, id="no updates"),
        pytest.param(ignores_budgets, "was refused", 1, id="no budgets"),
    ],
)
def test_a_planted_fault_is_found(
    plant: Callable[[pytest.MonkeyPatch], None],
    sign: str,
    first: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch)
    for seed in range(first, first + ENOUGH):
        if any(sign in violation for violation in try_seed(seed).violations):
            return
    pytest.fail(f"{ENOUGH} seeds do not find it")
