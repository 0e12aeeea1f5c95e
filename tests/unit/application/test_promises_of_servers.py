"""What a server on premises relies on: prepared before its install is asked for, found by its id, heard each minute."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.adapters.memory.machines import LOST
from shared.application.collect_results import collect_results
from shared.application.ports import NotNow
from shared.domain.machine import Ineligible, MachineType
from shared.domain.records import Job
from shared.domain.run import Outcome, Phase, Reason
from shared.errors import UnavailableError
from tests.builders import WINDOW_OPENS, a_configuration, a_machine, a_state
from tests.drill import MINUTE, Drill

SERVER = a_machine("db-1", machine_type=MachineType.SERVER)
CLOSES = WINDOW_OPENS + timedelta(hours=3)
UNPREPARED = NotNow(message="It is finding out.", cause="unprepared", again_in=MINUTE)


@pytest.fixture
def drill() -> Drill:
    """One server, behind the ports that Azure's machines stand behind elsewhere."""
    drill = Drill([a_state(SERVER, enabled=True)])
    drill.services = replace(drill.services, patching=drill.fleet, inventory=drill.fleet)
    return drill


async def test_server_that_finds_out_what_it_lacks_is_asked_again_until_it_knows(
    drill: Drill,
) -> None:
    drill.fleet.unready[SERVER.key] = [UNPREPARED, UNPREPARED]
    await drill.configure()
    await drill.run_until(WINDOW_OPENS)
    (job,) = await drill.jobs()
    assert (job.phase, job.held_message) == (Phase.QUEUED, "It is finding out.")
    await drill.run_until(WINDOW_OPENS + 15 * MINUTE)
    (job,) = await drill.jobs()
    assert job.outcome is Outcome.SUCCEEDED
    assert job.starting_at
    assert job.starting_at - WINDOW_OPENS >= 2 * MINUTE
    assert await drill.broken() == []


async def test_server_that_never_knows_what_it_lacks_times_out_and_says_so(drill: Drill) -> None:
    drill.fleet.unready[SERVER.key] = [UNPREPARED] * 1000
    await drill.configure()
    await drill.run_until(CLOSES)
    (job,) = await drill.jobs()
    assert (job.outcome, job.reason) == (Outcome.TIMED_OUT, Reason.OUTAGE)
    assert job.message == "It is finding out."
    assert await drill.broken() == []


async def test_server_that_can_not_be_patched_is_skipped_with_the_reason(drill: Drill) -> None:
    why = Ineligible(reason=Reason.PREREQUISITES_NOT_MET, message="sudo refused.")
    drill.fleet.unready[SERVER.key] = [why]
    await drill.configure()
    await drill.run_until(WINDOW_OPENS + MINUTE)
    (job,) = await drill.jobs()
    assert (job.outcome, job.reason, job.message) == (Outcome.SKIPPED, why.reason, why.message)
    assert await drill.broken() == []


async def test_server_with_another_host_key_is_skipped(drill: Drill) -> None:
    drill.fleet.states[SERVER.key] = a_state(SERVER, enabled=True, host_key_changed=True)
    await drill.configure()
    await drill.run_until(WINDOW_OPENS + MINUTE)
    (job,) = await drill.jobs()
    assert (job.outcome, job.reason) == (Outcome.SKIPPED, Reason.HOST_KEY_CHANGED)
    assert drill.fleet.installs == []


async def test_install_whose_reply_was_lost_is_found_by_its_id(drill: Drill) -> None:
    drill.fleet.replies[SERVER.key] = [LOST]
    await drill.configure()
    await drill.run_until(WINDOW_OPENS + MINUTE)
    (job,) = await drill.jobs()
    assert job.phase in (Phase.UNCERTAIN, Phase.STARTED)
    await drill.run_until(WINDOW_OPENS + 10 * MINUTE)
    (job,) = await drill.jobs()
    assert (job.outcome, job.adopted) == (Outcome.SUCCEEDED, False)
    assert job.activity_id == drill.fleet.installs[0].order.client_request_id
    assert len(drill.fleet.installs) == 1
    assert await drill.broken() == []


async def test_servers_are_heard_while_azure_reports_nothing(drill: Drill) -> None:
    def unavailable(*_: object, **__: object) -> object:
        raise UnavailableError("There is no Azure.")

    drill.fleet.changed_since = unavailable  # type: ignore[assignment,method-assign]
    await drill.configure()
    await drill.run_until(WINDOW_OPENS + 7 * MINUTE)
    (job,) = await drill.jobs()
    assert job.outcome is Outcome.SUCCEEDED
    assert job.counts.installed == 1
    assert await drill.services.agenda.watermark() == drill.clock.instant


async def test_what_a_server_is_at_is_kept_and_stands_in_an_unknown_end(drill: Drill) -> None:
    drill.fleet.notes[SERVER.key] = "It was told to restart at 02:03 UTC."
    await drill.configure()
    await drill.run_until(WINDOW_OPENS + 3 * MINUTE)
    (job,) = await drill.jobs()
    assert (job.phase, job.message) == (Phase.STARTED, drill.fleet.notes[SERVER.key])
    drill.fleet.silent.add(SERVER.key)
    await drill.run_until(CLOSES + timedelta(hours=1, minutes=2), step=5 * MINUTE)
    (job,) = await drill.jobs()
    assert (job.outcome, job.reason) == (Outcome.UNKNOWN, Reason.NO_FINAL_WORD)
    assert job.message.startswith("It was told to restart at 02:03 UTC. It may have")
    drill.fleet.silent.clear()
    await drill.run_until(drill.clock.instant + 2 * MINUTE)
    (job,) = await drill.jobs()
    assert job.outcome is Outcome.SUCCEEDED
    assert len(job.trace) == 1
    assert await drill.broken() == []


async def test_server_is_given_the_whole_window(drill: Drill) -> None:
    await drill.configure(a_configuration(duration="08:00"))
    await drill.run_until(WINDOW_OPENS + MINUTE)
    (install,) = drill.fleet.installs
    assert install.order.maximum_duration > timedelta(hours=7, minutes=55)


async def test_many_silent_servers_take_no_more_than_their_time_and_change_turns() -> None:
    names = [f"db-{number}" for number in range(40)]
    machines = [a_machine(name, machine_type=MachineType.SERVER) for name in names]
    drill = Drill([a_state(one, enabled=True) for one in machines], takes=timedelta(hours=1))
    drill.services = replace(
        drill.services,
        patching=drill.fleet,
        inventory=drill.fleet,
        limits=replace(drill.services.limits, connections=1),
    )
    await drill.configure()
    await drill.run_until(WINDOW_OPENS + 2 * MINUTE)
    asked: list[str] = []

    async def silent(job: Job) -> None:
        asked.append(job.machine_id)
        drill.clock.instant += timedelta(seconds=20)

    drill.fleet.ask_after = silent  # type: ignore[method-assign]
    await collect_results(drill.services)
    first = list(asked)
    assert len(first) == 7
    drill.clock.instant += MINUTE
    await collect_results(drill.services)
    assert set(asked[len(first) :]) != set(first)
