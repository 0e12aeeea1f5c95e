"""What the campaign finds in the log of calls and in the changes of jobs."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from localhost.azure.calls import Call
from localhost.azure.exchange import Cut
from localhost.azure.faults import Faults
from localhost.azure.fleet import Fleet, Kind, Machine
from localhost.azure.updates import Os, Update
from localhost.campaign.findings import Asked, crowded, doubled, repeated, unstopped, untrue
from localhost.campaign.journal import Called, Changed, Entry
from localhost.campaign.requests import Acknowledged
from localhost.campaign.watched_azure import WatchedAzure
from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.services import services as memory_services
from shared.adapters.storage.keys import id_to_key
from shared.application.limits import Limits
from shared.application.start_job import client_request_id
from shared.domain.ids import ResourceId
from shared.domain.machine import MachineType
from shared.domain.records import Job, Run, RunId, RunKind, UpdateCounts, job_key
from shared.domain.run import Outcome, Reason
from tests.builders import CONFIGURATION, SUBSCRIPTION, WINDOW_OPENS, a_machine

MINUTE = timedelta(minutes=1)
MACHINE = a_machine()
ONE = RunId(configuration_id=CONFIGURATION, key="20260602020000")
OTHER = RunId(configuration_id=CONFIGURATION, key="20260602020101")


def order(run: RunId = ONE, *, status: int | Cut = 202, at: datetime = WINDOW_OPENS) -> Call:
    return Call(
        at=at,
        method="POST",
        path=f"{MACHINE.id}/installPatches",
        status=status,
        machine=MACHINE.id,
        client_request_id=client_request_id(run, job_key(MACHINE.id)),
    )


def asked(run_id: RunId, *calls: Call, **more: Any) -> Asked:
    run = Run(
        configuration_id=run_id.configuration_id,
        key=run_id.key,
        kind=RunKind.SCHEDULED,
        starts_at=WINDOW_OPENS,
        duration=timedelta(hours=2),
        created_at=WINDOW_OPENS,
        created_by="timer",
    )
    job = Job(
        key=job_key(MACHINE.id),
        machine_id=MACHINE.id,
        machine_type=MachineType.AZURE_VM,
        subscription=SUBSCRIPTION,
        **more,
    )
    return Asked(run=run, job=job, calls=calls)


@pytest.mark.parametrize(
    ("statuses", "found"),
    [
        pytest.param([202], 0, id="accepted"),
        pytest.param([429, 409, 202], 0, id="refused, and asked again"),
        pytest.param(["dropped"], 0, id="lost"),
        pytest.param(["dropped", 409], 1, id="lost, and asked again"),
        pytest.param(["hung", 202], 1, id="no answer, and asked again"),
        pytest.param([503, 202], 1, id="a server error, and asked again"),
        pytest.param([408, 202], 1, id="a time-out, and asked again"),
        pytest.param([202, 202, 202], 2, id="accepted three times"),
    ],
)
def test_what_is_in_doubt_may_not_be_asked_for_again(
    statuses: Sequence[int | Cut], found: int
) -> None:
    calls = [order(status=status) for status in statuses]
    assert len(list(repeated([asked(ONE, *calls)]))) == found


def change(state: str, run: RunId, minutes: int) -> Changed:
    return Changed(
        at=WINDOW_OPENS + minutes * MINUTE,
        run=id_to_key(run.text),
        key=job_key(MACHINE.id),
        machine=MACHINE.key,
        state=state,
    )


def call(run: RunId, minutes: int) -> Called:
    return Called(call=order(run, at=WINDOW_OPENS + minutes * MINUTE))


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        pytest.param([change("starting", ONE, 0), call(ONE, 0)], 0, id="its own"),
        pytest.param([change("started", ONE, 0), call(OTHER, 1)], 1, id="started"),
        pytest.param([change("uncertain", ONE, 0), call(OTHER, 1)], 1, id="uncertain"),
        pytest.param(
            [change("started", ONE, 0), change("Succeeded", ONE, 1), call(OTHER, 2)], 0, id="ended"
        ),
        pytest.param(
            [change("starting", ONE, 0), change("queued", ONE, 1), call(OTHER, 2)], 0, id="refused"
        ),
        pytest.param([change("Unknown", ONE, 0), call(OTHER, 59)], 1, id="unknown"),
        pytest.param([change("Unknown", ONE, 0), call(OTHER, 60)], 0, id="unknown for long"),
    ],
)
def test_a_machine_has_one_job_at_a_time(entries: Sequence[Entry], found: int) -> None:
    jobs = [asked(ONE), asked(OTHER)]
    assert len(list(crowded(entries, jobs, unknown_holds=60 * MINUTE))) == found


@pytest.mark.parametrize(
    ("prefix", "minutes", "found"),
    [
        pytest.param(ONE.text, 1, 1, id="this run, after it"),
        pytest.param(ONE.text, -1, 0, id="this run, before it"),
        pytest.param(OTHER.text, 1, 0, id="another run"),
        pytest.param(CONFIGURATION, 1, 1, id="its configuration"),
        pytest.param(CONFIGURATION[:-1], 1, 0, id="a configuration that begins alike"),
    ],
)
def test_nothing_starts_after_it_was_stopped(prefix: str, minutes: int, found: int) -> None:
    stopped_at = WINDOW_OPENS + 10 * MINUTE
    asks = order(at=stopped_at + minutes * MINUTE)
    acknowledged = Acknowledged(stopped={prefix.lower(): stopped_at})
    assert len(list(unstopped([asked(ONE, asks)], acknowledged))) == found


async def test_a_request_id_starts_one_run() -> None:
    services = memory_services(MemoryClock(WINDOW_OPENS))
    for run_id, request_id in ((ONE, "ticket 7"), (OTHER, "ticket 8")):
        await services.runs.insert(replace(asked(run_id).run, request_id=request_id))
    assert await doubled(services) == []
    third = RunId(configuration_id=CONFIGURATION, key="20260602020102")
    await services.runs.insert(replace(asked(third).run, request_id="ticket 7"))
    assert await doubled(services) == ["nightly: 2 runs of the request 'ticket 7'."]


# --- what Azure knows --------------------------------------------------------------------------


HOUR = 60 * MINUTE
ORDER = {
    "maximumDuration": "PT2H",
    "rebootSetting": "Never",
    "linuxParameters": {"classificationsToInclude": ["Security"]},
}


class Told:
    """A simulated Azure that has installed one update on the machine, in ten minutes."""

    def __init__(self, faults: Faults | None = None) -> None:
        update = Update(patch_id="l1", name="curl", classification="Security", version="8.5")
        here = ResourceId.parse(MACHINE.id)
        machine = Machine(
            subscription=here.subscription,
            resource_group=here.resource_group,
            kind=Kind.VM,
            name=MACHINE.id.rpartition("/")[2],
            os=Os.LINUX,
            location="westeurope",
            missing=(update,),
        )
        self.now = WINDOW_OPENS
        self.azure = WatchedAzure(
            Fleet([machine]),
            now=lambda: self.now,
            faults=faults,
            install_time=(10 * MINUTE, 10 * MINUTE),
        )
        install = self.azure.install(MACHINE.id, ORDER)
        self.call = replace(order(), operation="install", activity=install.activity_id)


LATE_SIGHT = 1
DONE = {"installed": 1}


@pytest.mark.parametrize(
    ("after", "outcome", "counts", "sign"),
    [
        pytest.param(HOUR, Outcome.SUCCEEDED, DONE, "", id="the truth"),
        pytest.param(HOUR, Outcome.COMPLETED_WITH_WARNINGS, DONE, "", id="with a warning"),
        pytest.param(HOUR, Outcome.SUCCEEDED, {}, "it counts", id="updates that were shown"),
        pytest.param(MINUTE, Outcome.SUCCEEDED, DONE, "has not ended", id="too early"),
        pytest.param(HOUR, Outcome.FAILED, DONE, "Azure says Succeeded", id="another word"),
        pytest.param(HOUR, Outcome.SUCCEEDED, {"installed": 2}, "it counts", id="too many"),
        pytest.param(40 * HOUR, Outcome.UNKNOWN, {}, "Azure showed", id="never looked"),
    ],
)
def test_a_job_says_what_azure_did(
    after: timedelta, outcome: Outcome, counts: dict[str, int], sign: str
) -> None:
    told = Told()
    told.now += after
    job = asked(ONE, told.call, outcome=outcome, counts=UpdateCounts(**counts))
    found = "".join(untrue([job], told.azure, limits=Limits()))
    assert (sign in found) if sign else not found
    told.azure.close()


def test_updates_that_azure_did_not_show_in_time_are_none() -> None:
    # The reports contradict for 10 to 50 minutes: half an hour with this seed; the updates come with the end.
    told = Told(Faults(seed=LATE_SIGHT, contradict=1))
    [shown_at] = told.azure.shown_at.values()
    assert shown_at > WINDOW_OPENS + 30 * MINUTE
    told.now += HOUR
    job = asked(ONE, told.call, outcome=Outcome.SUCCEEDED)
    assert list(untrue([job], told.azure, limits=Limits())) == []
    told.azure.close()


def test_a_failure_needs_an_install_or_a_refusal() -> None:
    told = Told()
    jobs = [
        asked(ONE, outcome=Outcome.FAILED, reason=reason)
        for reason in (Reason.REFUSED, Reason.INSTALL_FAILED)
    ]
    [found] = untrue(jobs, told.azure, limits=Limits())
    assert "InstallFailed" in found
    told.azure.close()
