"""The benchmark of an estate, small: several subscriptions, two host processes at once, faults in every type of call.

Time runs 30 times as fast as real time. What the benchmark counts is tested first.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import benchmarks.__main__
from benchmarks.calls import LOOK, REQUEST, installs, machines_started, tallies
from benchmarks.configuration import EPOCH
from benchmarks.estate import Estate, Plan, an_estate
from benchmarks.measure_estate import Measured
from benchmarks.queries import Query, least
from localhost.azure.calls import Call
from localhost.azure.exchange import Cut
from localhost.evidence import broken_invariants
from localhost.stage import ROOT

PLAN = Plan(
    machines=300,
    subscriptions=4,
    faults=0.05,
    hang=0.0,
    hosts=2,
    speed=30.0,
    in_flight=60,
    install_minutes="1:4",
)
REAL_LIMIT = 300.0
MOST = 1.2


def a_call(status: int | Cut = 200, **more: Any) -> Call:
    return Call(at=EPOCH, method="GET", path="/subscriptions/s", status=status, **more)


@pytest.mark.parametrize(
    ("call", "is_lost"),
    [
        pytest.param(a_call(200), False, id="answered"),
        pytest.param(a_call(404), False, id="refused"),
        pytest.param(a_call(503), True, id="failed by a fault"),
        pytest.param(a_call(429), True, id="throttled by a fault"),
        pytest.param(a_call(429, throttled="reads"), False, id="throttled by a limit"),
        pytest.param(a_call("dropped"), True, id="never answered"),
        pytest.param(a_call("dropped", activity="a"), False, id="carried out, never answered"),
    ],
)
def test_only_calls_that_a_fault_kept_from_having_an_effect_are_lost(
    call: Call, *, is_lost: bool
) -> None:
    [(_, tally)] = tallies([call]).items()
    assert tally.lost == is_lost
    assert tally.held_against_the_app == (not is_lost)


def test_calls_with_one_request_id_are_one_request_and_its_repetitions() -> None:
    calls = [a_call(client_request_id=request) for request in "aabba"]
    [(_, tally)] = tallies(calls).items()
    assert (tally.all, tally.repeated) == (5, 3)


def test_each_pass_needs_a_query_for_every_thousand_rows_of_a_table_and_one_for_none() -> None:
    queries = [
        Query(table="installs", begins=True, rows=0),
        Query(table="machines", begins=True, rows=600),
        Query(table="installs", begins=True, rows=1000),
        Query(table="machines", begins=False, rows=600),
        Query(table="updates", begins=True, rows=400),
        Query(table="updates", begins=True, rows=500),
        Query(table="installs", begins=False, rows=1),
    ]
    assert least(queries) == {"machines": 2, "installs": 1 + 2, "updates": 1}


@pytest.mark.parametrize(
    ("is_settled", "broken", "code"),
    [
        pytest.param(True, [], 0, id="sound"),
        pytest.param(False, [], 1, id="not settled"),
        pytest.param(True, ["invariant 2"], 1, id="broken"),
    ],
)
def test_exit_code_says_whether_the_estate_was_sound(
    monkeypatch: pytest.MonkeyPatch, *, is_settled: bool, broken: list[Any], code: int
) -> None:
    async def measured(plan: Plan) -> Measured:
        nothing: Any = None
        return Measured(
            plan=plan,
            run=nothing,
            is_settled=is_settled,
            settled_at=EPOCH,
            calls=[],
            queries=[],
            memory=[],
            complaints=Counter(),
            broken=broken,
        )

    monkeypatch.setattr(benchmarks.__main__, "measure", measured)
    monkeypatch.setattr(benchmarks.__main__, "print_estate", lambda one: None)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "estate", "--baseline", "0"])
    assert benchmarks.__main__.main() == code


def test_sigterm_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "estate", "--baseline", "0", "--machines", "20"]
    parent = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, stderr=subprocess.DEVNULL
    )
    try:
        children = _all_children(parent.pid)
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(REAL_LIMIT) == 128 + signal.SIGTERM
    finally:
        parent.kill()
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
    assert list(tmp_path.iterdir()) == []


def _all_children(parent: int) -> list[int]:
    started = time.monotonic()
    while len(children := _children(parent)) < len(("Azurite", "the local Azure", "a host")):
        assert time.monotonic() - started < REAL_LIMIT
        time.sleep(0.1)
    return children


def _children(parent: int) -> list[int]:
    # Whoever starts a process here is the main thread.
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
    return [int(child) for child in children.split()]


async def test_estate_is_patched_by_two_hosts_in_spite_of_faults(
    fresh_azurite: str, tmp_path: Path
) -> None:
    async with an_estate(PLAN, storage=fresh_azurite, folder=tmp_path) as estate:
        await _wait_until_settled(estate)
        estate.stop_hosts()
        _assert_few_queries(estate)
        services = await estate.close_run()
        calls = await estate.calls()
        run = await estate.run()
        broken = await broken_invariants(services, installs(calls))
    assert broken == []
    assert run is not None
    assert not run.status.is_open
    assert sum(run.counts.values()) == PLAN.machines
    looks, requests = tallies(calls)[LOOK], tallies(calls)[REQUEST]
    assert looks.lost
    assert requests.lost
    assert looks.held_against_the_app <= MOST * PLAN.machines
    assert requests.held_against_the_app == machines_started(calls) == len(installs(calls))
    assert requests.throttled == 0


async def _wait_until_settled(estate: Estate) -> None:
    started = time.monotonic()
    while not await estate.is_settled():
        assert time.monotonic() - started < REAL_LIMIT, await estate.run()
        await asyncio.sleep(0.5)


def _assert_few_queries(estate: Estate) -> None:
    for queries in estate.queries():
        asked, needed = Counter(query.table for query in queries), least(queries)
        # A page of which a fault kept half back costs one more.
        assert all(asked[table] <= MOST * needed[table] + 1 for table in asked), (asked, needed)
        assert asked["installs"]
