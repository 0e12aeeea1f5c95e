"""What the campaign finds of runs that do not keep to their limits."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from localhost.azure.calls import Call
from localhost.azure.exchange import Cut
from localhost.azure.fleet import Fleet, Kind, Machine
from localhost.azure.simulation import Simulation
from localhost.azure.updates import Os
from localhost.campaign.findings import Asked
from localhost.campaign.journal import Called, Changed, Entry
from localhost.campaign.restraint import heedless, overfull
from localhost.campaign.watched_azure import Refusal
from shared.adapters.storage.keys import id_to_key
from shared.application.start_job import client_request_id
from shared.domain.machine import MachineType
from shared.domain.records import Job, Run, RunKind, job_key
from tests.builders import CONFIGURATION, SUBSCRIPTION, WINDOW_OPENS

MINUTE = timedelta(minutes=1)
TAKES = 40 * MINUTE
ORDER = {
    "maximumDuration": "PT2H",
    "rebootSetting": "Never",
    "linuxParameters": {"classificationsToInclude": ["Security"]},
}
MACHINES = [
    Machine(
        subscription=SUBSCRIPTION,
        resource_group="web",
        kind=Kind.VM,
        name=f"web-{number}",
        os=Os.LINUX,
        location="westeurope",
    )
    for number in range(6)
]


def at(minutes: float) -> datetime:
    return WINDOW_OPENS + minutes * MINUTE


def a_run(**extension: str) -> Run:
    return Run(
        configuration_id=CONFIGURATION,
        key="20260602020000",
        kind=RunKind.SCHEDULED,
        starts_at=WINDOW_OPENS,
        duration=timedelta(hours=2),
        created_at=WINDOW_OPENS,
        created_by="timer",
        document={"properties": {"extensionProperties": extension}},
    )


RUN = a_run()


def order(machine: Machine, minutes: float, **more: Any) -> Call:
    return Call(
        at=at(minutes),
        method="POST",
        path=f"{machine.id}/installPatches",
        machine=machine.id,
        client_request_id=client_request_id(RUN.id, job_key(machine.id)),
        **{"status": 202, **more},
    )


def asked(run: Run, machine: Machine, *calls: Call) -> Asked:
    job = Job(
        key=job_key(machine.id),
        machine_id=machine.id,
        machine_type=MachineType.AZURE_VM,
        subscription=SUBSCRIPTION,
    )
    return Asked(run=run, job=job, calls=calls)


def change(machine: Machine, state: str, minutes: float, why: str = "") -> Changed:
    return Changed(
        at=at(minutes),
        run=id_to_key(RUN.id.text),
        key=job_key(machine.id),
        machine=machine.key,
        state=state,
        why=why,
    )


def query(minutes: float, status: int | Cut = 200) -> Called:
    path = "/providers/Microsoft.ResourceGraph/resources"
    return Called(call=Call(at=at(minutes), method="POST", path=path, status=status))


# --- a run's own limit ---------------------------------------------------------------------------


class Azure:
    """A simulated Azure where every install takes 40 minutes, and what was asked of it."""

    def __init__(self) -> None:
        self.now = WINDOW_OPENS
        self.simulation = Simulation(
            Fleet(MACHINES), now=lambda: self.now, install_time=(TAKES, TAKES)
        )
        self.calls: dict[str, Call] = {}

    def install(self, machine: Machine, minutes: float) -> Called:
        self.now = at(minutes)
        install = self.simulation.install(machine.id, ORDER)
        call = order(machine, minutes, operation="install", activity=install.activity_id)
        self.calls[machine.id] = call
        return Called(call=call)

    def found(self, entries: Sequence[Entry], run: Run) -> list[str]:
        jobs = [
            asked(run, one, *([self.calls[one.id]] if one.id in self.calls else []))
            for one in MACHINES
        ]
        found = list(overfull(entries, jobs, self.simulation))
        self.simulation.close()
        return found


@pytest.mark.parametrize(
    ("limit", "minutes", "found"),
    [
        pytest.param("2", [0, 1], 0, id="as many as are allowed"),
        pytest.param("2", [0, 1, 2], 1, id="one too many"),
        pytest.param("2", [0, 1, 2, 3], 2, id="two too many"),
        pytest.param("2", [0, 1, 41], 0, id="one after another has ended"),
        pytest.param("25%", [0, 1], 0, id="a share of six, rounded up"),
        pytest.param("25%", [0, 1, 2], 1, id="more than a share of six"),
        pytest.param("", [0, 1, 2, 3], 0, id="no limit"),
    ],
)
def test_a_run_patches_no_more_machines_at_once_than_it_may(
    limit: str, minutes: Sequence[float], found: int
) -> None:
    azure = Azure()
    entries = [azure.install(MACHINES[n], minute) for n, minute in enumerate(minutes)]
    limited: Mapping[str, str] = {"Muster.MaxConcurrency": limit} if limit else {}
    assert len(azure.found(entries, a_run(**limited))) == found


@pytest.mark.parametrize(
    ("state", "asks_at", "heard", "found"),
    [
        pytest.param("uncertain", 35, query(34), 0, id="not seen for half an hour"),
        pytest.param("uncertain", 25, query(24), 1, id="not seen for a while"),
        pytest.param("uncertain", 35, query(34, "dropped"), 1, id="the reports can't be read"),
        pytest.param("started", 35, query(34), 1, id="found again"),
    ],
)
def test_an_install_whose_reply_was_lost_counts_for_half_an_hour_of_reports(
    state: str, asks_at: float, heard: Entry, found: int
) -> None:
    azure = Azure()
    first = azure.install(MACHINES[0], 0)
    second = azure.install(MACHINES[1], asks_at)
    entries: list[Entry] = [first, change(MACHINES[0], state, 1), heard, second]
    assert len(azure.found(entries, a_run(**{"Muster.MaxConcurrency": "1"}))) == found


# --- Azure's limits ------------------------------------------------------------------------------


HELD = "The machine is being patched by another run."


def refused(machines: Sequence[Machine], *, sent: float, asks_at: float) -> list[Entry]:
    """Machines that were dispatched, and whose requests were then refused."""
    throttled = "Microsoft.Compute/PatchOperation30Min"
    return [
        *(change(one, "dispatched", sent) for one in machines),
        *(Called(call=order(one, asks_at, status=429, throttled=throttled)) for one in machines),
    ]


FIRST, OTHERS = MACHINES[:1], MACHINES[1:]


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        pytest.param(refused(MACHINES, sent=0, asks_at=1), 0, id="a burst"),
        pytest.param(
            [
                *refused(FIRST, sent=0, asks_at=1),
                *refused(OTHERS, sent=2, asks_at=4),
            ],
            0,
            id="sent before the refusal was heard of",
        ),
        pytest.param(
            [
                *refused(FIRST, sent=0, asks_at=1),
                *refused(OTHERS, sent=5, asks_at=6),
            ],
            1,
            id="sent in spite of it",
        ),
        pytest.param(
            [
                *refused(FIRST, sent=0, asks_at=1),
                *refused(OTHERS[:4], sent=5, asks_at=6),
            ],
            0,
            id="few",
        ),
        pytest.param(
            [
                *refused(FIRST, sent=0, asks_at=1),
                *refused(OTHERS, sent=31, asks_at=32),
            ],
            0,
            id="a new window",
        ),
        pytest.param(
            [
                *(change(one, "queued", 1, HELD) for one in OTHERS),
                *refused(FIRST, sent=0, asks_at=1),
                *refused(OTHERS, sent=5, asks_at=6),
            ],
            0,
            id="had waited for their machines",
        ),
    ],
)
def test_a_run_heeds_what_azure_refused(entries: Sequence[Entry], found: int) -> None:
    calls = [entry.call for entry in entries if isinstance(entry, Called)]
    place = (SUBSCRIPTION, "westeurope")
    refusals = [Refusal(at=one.at, place=place, until=one.at + 30 * MINUTE) for one in calls]
    jobs = [
        asked(RUN, one, *(call for call in calls if call.machine == one.id)) for one in MACHINES
    ]
    assert len(list(heedless(entries, jobs, refusals))) == found


def test_another_region_has_a_bucket_of_its_own() -> None:
    entries = [
        *refused(FIRST, sent=0, asks_at=1),
        *refused(OTHERS, sent=5, asks_at=6),
    ]
    calls = [entry.call for entry in entries if isinstance(entry, Called)]
    here, until = (SUBSCRIPTION, "westeurope"), at(31)
    first = Refusal(at=at(1), place=here, until=until)
    there = replace(first, at=at(6), place=(SUBSCRIPTION, "eastus"))
    jobs = [
        asked(RUN, one, *(call for call in calls if call.machine == one.id)) for one in MACHINES
    ]
    assert list(heedless(entries, jobs, [first, *[there] * len(OTHERS)])) == []
