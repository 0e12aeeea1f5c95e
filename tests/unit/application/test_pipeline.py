"""The four passes together, in memory: what an administrator may rely on, under quiet and under trouble."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.memory.machines import LOST
from shared.application.callers import LOCAL
from shared.application.cancel_run import cancel_run
from shared.application.configurations import delete_configuration, put_configuration
from shared.application.handle_messages import handle_run_message
from shared.application.limits import Limits
from shared.application.ports import InstallReply, NotNow, Refused
from shared.application.start_run import start_configuration_run, start_machine_runs
from shared.domain.machine import MachineType, OsType
from shared.domain.records import RunId, run_key
from shared.domain.run import Outcome, Reason, RunStatus
from shared.errors import ConflictError, NotFoundError
from tests.builders import (
    CONFIGURATION,
    GROUP,
    SUBSCRIPTION,
    WINDOW_OPENS,
    a_configuration,
    a_machine,
    a_scope,
    a_state,
)
from tests.drill import MINUTE, Drill

HOUR = timedelta(hours=1)
AFTER = WINDOW_OPENS + timedelta(hours=5)


async def ran(drill: Drill) -> Drill:
    """Store the configuration and tick until its first window is long over."""
    await drill.configure()
    await drill.run_until(WINDOW_OPENS - MINUTE, step=HOUR)
    await drill.run_until(AFTER)
    return drill


async def test_due_occurrence_patches_every_matching_machine_once() -> None:
    drill = await ran(Drill([a_state(a_machine(f"vm-{n}")) for n in range(5)]))
    (run,) = await drill.runs()
    assert run.status is RunStatus.COMPLETED
    assert run.counts == {Outcome.SUCCEEDED: 5}
    assert len(drill.fleet.installs) == 5
    assert await drill.broken() == []


async def test_machine_matched_by_two_scopes_and_by_hand_is_one_job() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    await drill.attach(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/web", "again", a_scope())
    static = a_scope()
    del static["properties"]["filter"]
    await drill.attach(a_machine().id, "by-hand", static)
    await drill.run_until(WINDOW_OPENS - MINUTE, step=HOUR)
    await drill.run_until(AFTER)
    assert len(await drill.jobs()) == 1
    assert await drill.broken() == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"running": False}, Reason.NOT_RUNNING, id="a VM that is stopped"),
        pytest.param(
            {"patch_mode": "AutomaticByOS"}, Reason.PREREQUISITES_NOT_MET, id="no consent"
        ),
        pytest.param({"bypass_checks": None}, Reason.PREREQUISITES_NOT_MET, id="half a consent"),
    ],
)
async def test_ineligible_machine_is_skipped_and_the_others_go_on(
    change: dict[str, Any], reason: Reason
) -> None:
    drill = await ran(Drill([a_state(**change), a_state(a_machine("vm-2"))]))
    (run,) = await drill.runs()
    assert run.status is RunStatus.COMPLETED_WITH_WARNINGS
    assert {job.reason for job in await drill.jobs()} == {reason, None}
    assert await drill.broken() == []


async def test_system_that_the_configuration_says_nothing_about_is_skipped() -> None:
    drill = Drill([a_state(a_machine(os_type=OsType.WINDOWS))])
    document = a_configuration()
    del document["properties"]["installPatches"]["windowsParameters"]
    await drill.configure(document)
    await drill.run_until(WINDOW_OPENS - MINUTE, step=HOUR)
    await drill.run_until(AFTER)
    (job,) = await drill.jobs()
    assert (job.outcome, job.reason) == (Outcome.SKIPPED, Reason.NOTHING_SELECTED)


async def test_reply_lost_after_acceptance_is_found_and_never_asked_again() -> None:
    drill = Drill([a_state()])
    drill.fleet.replies[a_machine().key] = [LOST]
    await ran(drill)
    (job,) = await drill.jobs()
    assert job.outcome is Outcome.SUCCEEDED
    assert job.adopted
    assert len(drill.fleet.installs) == 1
    assert await drill.broken() == []


async def test_machine_that_never_reports_ends_unknown_and_a_later_word_corrects_it() -> None:
    drill = Drill([a_state()])
    drill.fleet.silent.add(a_machine().key)
    await ran(drill)
    (job,) = await drill.jobs()
    assert (job.outcome, job.reason) == (Outcome.UNKNOWN, Reason.NO_FINAL_WORD)
    assert (await drill.runs())[0].status is RunStatus.COMPLETED_WITH_WARNINGS
    drill.fleet.silent.clear()
    drill.clock.advance(10 * MINUTE)
    await drill.run_until(AFTER + HOUR)
    (job,) = await drill.jobs()
    assert job.outcome is Outcome.SUCCEEDED
    assert len(job.trace) == 1
    assert (await drill.runs())[0].counts == {Outcome.SUCCEEDED: 1}
    assert await drill.broken() == []


@pytest.mark.parametrize(
    ("reply", "outcome", "reason"),
    [
        pytest.param(Refused(message="no"), Outcome.FAILED, Reason.REFUSED, id="refused for good"),
        pytest.param(
            NotNow(message="429", cause="throttled", again_in=5 * MINUTE),
            Outcome.SUCCEEDED,
            None,
            id="throttled once",
        ),
        pytest.param(
            NotNow(message="no route", cause="unreachable", again_in=5 * MINUTE),
            Outcome.SUCCEEDED,
            None,
            id="no connection once",
        ),
    ],
)
async def test_proof_of_refusal_permits_another_try(
    reply: InstallReply, outcome: Outcome, reason: Reason | None
) -> None:
    drill = Drill([a_state()])
    drill.fleet.replies[a_machine().key] = [reply]
    await ran(drill)
    (job,) = await drill.jobs()
    assert (job.outcome, job.reason) == (outcome, reason)
    assert await drill.broken() == []


async def test_throttled_until_the_cut_off_times_out_with_the_reason() -> None:
    drill = Drill([a_state()])
    reply = NotNow(message="429", cause="throttled", again_in=5 * MINUTE)
    drill.fleet.replies[a_machine().key] = [reply] * 100
    await ran(drill)
    (job,) = await drill.jobs()
    assert (job.outcome, job.reason) == (Outcome.TIMED_OUT, Reason.PATCH_BUDGET)
    assert await drill.broken() == []


async def test_two_runs_that_want_one_machine_wait_and_the_later_one_says_for_whom() -> None:
    drill = Drill([a_state()], takes=3 * HOUR)
    other = f"{GROUP}/providers/Microsoft.Maintenance/maintenanceConfigurations/other"
    await drill.configure()
    document = a_configuration(startDateTime="2026-06-02 02:30")
    await put_configuration(drill.services, other, document=document, caller=LOCAL)
    await drill.attach(f"/subscriptions/{SUBSCRIPTION}", "other", a_scope({}, other))
    await drill.run_until(WINDOW_OPENS - MINUTE, step=HOUR)
    await drill.run_until(WINDOW_OPENS + 6 * HOUR)
    later = await drill.services.jobs.get(
        RunId(configuration_id=other, key=run_key(WINDOW_OPENS + 30 * MINUTE)),
        (await drill.jobs())[0].key,
    )
    assert later is not None
    assert (later.outcome, later.reason) == (Outcome.SKIPPED, Reason.BUSY)
    assert CONFIGURATION in later.message
    assert await drill.broken() == []


async def test_same_tick_twice_changes_nothing() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    await drill.run_until(WINDOW_OPENS)
    for _ in range(3):
        await drill.tick()
    assert len(await drill.runs()) == 1
    assert len(drill.fleet.installs) == 1


async def test_three_days_of_silence_start_the_latest_and_record_the_missed() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    await drill.tick()
    drill.clock.instant = WINDOW_OPENS + timedelta(days=2, minutes=10)
    await drill.run_until(drill.clock.instant + 5 * HOUR)
    statuses = [run.status for run in await drill.runs()]
    assert statuses == [RunStatus.MISSED, RunStatus.MISSED, RunStatus.COMPLETED]
    assert await drill.broken() == []


async def test_configuration_created_inside_its_window_waits_for_the_next_one() -> None:
    drill = Drill([a_state()], now=WINDOW_OPENS + 10 * MINUTE)
    await drill.configure()
    await drill.tick()
    assert await drill.runs() == []


async def test_changed_window_records_first_what_the_old_one_had_due() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    await drill.tick()
    drill.clock.instant = WINDOW_OPENS + MINUTE
    changed = a_configuration(startDateTime="2026-06-01 04:00")
    await put_configuration(drill.services, CONFIGURATION, document=changed, caller=LOCAL)
    await drill.run_until(WINDOW_OPENS + 6 * HOUR)
    assert [run.key for run in await drill.runs()] == ["20260602020000", "20260602040000"]


async def test_scope_over_many_machines_resolves_in_pages() -> None:
    machines = [a_state(a_machine(f"vm-{n:03}")) for n in range(50)]
    drill = await ran(Drill(machines, limits=Limits(inventory_page=7)))
    assert len(await drill.jobs()) == 50
    assert await drill.broken() == []


async def test_unreadable_subscription_fails_the_run_and_the_other_scope_goes_on() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    hidden = "22222222-2222-2222-2222-222222222222"
    await drill.attach(f"/subscriptions/{hidden}", "hidden", a_scope())
    drill.fleet.unreadable.add(hidden)
    await drill.run_until(WINDOW_OPENS - MINUTE, step=HOUR)
    await drill.run_until(AFTER)
    (run,) = await drill.runs()
    assert (run.status, run.reason) == (RunStatus.FAILED, Reason.NOT_READABLE)
    assert run.counts == {Outcome.SUCCEEDED: 1}
    assert await drill.broken() == []


async def test_scope_that_matches_nothing_completes_and_says_so() -> None:
    drill = await ran(Drill([]))
    (run,) = await drill.runs()
    assert (run.status, run.message) == (RunStatus.COMPLETED, "No machine matched.")


async def test_more_machines_than_may_be_in_flight_are_all_patched() -> None:
    machines = [a_state(a_machine(f"vm-{n}")) for n in range(20)]
    drill = await ran(Drill(machines, limits=Limits(in_flight=3)))
    (run,) = await drill.runs()
    assert run.counts == {Outcome.SUCCEEDED: 20}


async def test_run_cancelled_under_way_keeps_what_was_started() -> None:
    machines = [a_state(a_machine(f"vm-{n}")) for n in range(6)]
    drill = Drill(machines, limits=Limits(in_flight=2))
    await drill.configure()
    await drill.run_until(WINDOW_OPENS)
    (run,) = await drill.runs()
    await cancel_run(drill.services, run.id, caller=LOCAL)
    await drill.run_until(AFTER)
    (run,) = await drill.runs()
    assert run.counts == {Outcome.SUCCEEDED: 2, Outcome.CANCELLED: 4}
    assert run.status is RunStatus.COMPLETED_WITH_WARNINGS
    assert await drill.broken() == []


async def test_coming_occurrence_that_was_cancelled_never_starts() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    coming = RunId(configuration_id=CONFIGURATION, key=run_key(WINDOW_OPENS))
    assert (await cancel_run(drill.services, coming, caller=LOCAL)).status is RunStatus.CANCELLED
    await drill.run_until(AFTER)
    assert [run.status for run in await drill.runs()] == [RunStatus.CANCELLED]
    assert drill.fleet.installs == []
    assert await drill.broken() == []


async def test_cancelling_a_time_that_is_no_occurrence_stores_nothing() -> None:
    drill = Drill([])
    await drill.configure()
    wrong = RunId(configuration_id=CONFIGURATION, key="20260602023000")
    assert (await cancel_run(drill.services, wrong, caller=LOCAL)).status is RunStatus.CANCELLED
    assert await drill.runs() == []


async def test_closed_run_can_not_be_cancelled() -> None:
    drill = await ran(Drill([a_state()]))
    (run,) = await drill.runs()
    with pytest.raises(ConflictError):
        await cancel_run(drill.services, run.id, caller=LOCAL)


async def test_deleted_configuration_cancels_its_open_run_and_keeps_it_readable() -> None:
    drill = Drill([a_state(a_machine(f"vm-{n}")) for n in range(4)], limits=Limits(in_flight=2))
    await drill.configure()
    await drill.run_until(WINDOW_OPENS)
    await delete_configuration(drill.services, CONFIGURATION, caller=LOCAL)
    await drill.run_until(AFTER)
    (run,) = await drill.runs()
    assert run.counts == {Outcome.SUCCEEDED: 2, Outcome.CANCELLED: 2}
    assert {job.reason for job in await drill.jobs()} == {None, Reason.CONFIGURATION_GONE}
    assert await drill.broken() == []


async def test_on_demand_start_answers_with_the_active_run_when_repeated() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    first = await start_configuration_run(drill.services, CONFIGURATION, caller=LOCAL)
    again = await start_configuration_run(drill.services, CONFIGURATION, caller=LOCAL)
    assert again.key == first.key
    await drill.drain()
    await drill.run_until(drill.clock.instant + HOUR)
    third = await start_configuration_run(drill.services, CONFIGURATION, caller=LOCAL)
    assert third.key > first.key
    assert await drill.broken(acknowledged=[first.id.text, third.id.text]) == []


async def test_request_by_message_starts_one_run_for_ever() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    body = f'{{"v": 1, "configuration": "{CONFIGURATION}", "requestId": "ticket 7"}}'
    await handle_run_message(drill.services, body)
    await drill.run_until(drill.clock.instant + HOUR)
    await handle_run_message(drill.services, body)
    await drill.tick()
    (run,) = await drill.runs()
    assert (run.status, run.request_id) == (RunStatus.COMPLETED, "ticket 7")


async def test_on_demand_for_one_machine_patches_only_that_machine() -> None:
    drill = Drill([a_state(), a_state(a_machine("vm-2"))])
    await drill.configure()
    await start_machine_runs(drill.services, a_machine().id, caller=LOCAL)
    await drill.run_until(drill.clock.instant + HOUR)
    assert [job.machine_id for job in await drill.jobs()] == [a_machine().id]
    stranger = replace(a_state(a_machine("vm-3")), running=True)
    with pytest.raises(NotFoundError):
        await start_machine_runs(drill.services, stranger.machine.id, caller=LOCAL)


async def test_arc_server_needs_no_consent_but_a_connection() -> None:
    arc = a_machine("arc-1", machine_type=MachineType.ARC_SERVER)
    off = a_machine("arc-2", machine_type=MachineType.ARC_SERVER)
    drill = await ran(Drill([a_state(arc), a_state(off, connected=False)]))
    assert {job.reason for job in await drill.jobs()} == {None, Reason.NOT_CONNECTED}
    assert await drill.broken() == []
