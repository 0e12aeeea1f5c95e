"""Consent, in all its combinations, from a schedule to the machines' own log."""

from datetime import timedelta

from shared.domain.machine import MachineState, OsType
from shared.domain.records import Job
from shared.domain.run import Outcome
from tests.builders import SUBSCRIPTION, WINDOW_OPENS, a_configuration, a_machine, a_scope, a_state
from tests.consent_table import CASES, NO_JOB, PATCHED, Case
from tests.drill import MINUTE, Drill


def vm(case: Case) -> MachineState:
    machine = a_machine(
        case.name,
        os_type=OsType(case.system),
        tags={"schedule": "nightly" if case.attached else "none"},
    )
    return a_state(
        machine, running=case.running, patch_mode=case.patch_mode, bypass_checks=case.bypass
    )


def became(job: Job | None) -> str:
    if job is None:
        return NO_JOB
    if job.outcome is Outcome.SUCCEEDED:
        return PATCHED
    assert job.outcome is Outcome.SKIPPED
    return str(job.reason)


def test_table_has_every_combination_once() -> None:
    assert len({case.name for case in CASES}) == len(CASES) == (4 + 3) * 3 * 2 * 2


async def test_schedule_patches_only_attached_vms_that_run_and_have_consented() -> None:
    drill = Drill([vm(case) for case in CASES], takes=5 * MINUTE)
    await drill.configure(a_configuration())
    tagged = {"tagSettings": {"tags": {"schedule": ["nightly"]}}}
    await drill.attach(f"/subscriptions/{SUBSCRIPTION}", "everything", a_scope(tagged))
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await drill.run_until(WINDOW_OPENS + timedelta(minutes=10))
    jobs = {job.machine_id.rpartition("/")[2]: job for job in await drill.jobs()}
    found = {case.name: became(jobs.get(case.name)) for case in CASES}
    assert found == {case.name: case.becomes for case in CASES}
    installed = [install.order.machine.id.rpartition("/")[2] for install in drill.fleet.installs]
    assert sorted(installed) == sorted(case.name for case in CASES if case.becomes == PATCHED)
    assert await drill.broken() == []
