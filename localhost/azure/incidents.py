"""What `Faults` does to machines and to their installs: which of them, when, and for how long.

Pure: each answer follows from the faults' seed and the machine. `number` counts a machine's installs, so that one that
was struck need not be struck again.
"""

from datetime import datetime, timedelta

from localhost.azure.faults import Faults
from localhost.azure.fleet import Machine
from localhost.azure.operations import Install

PROVISIONING_TIME = timedelta(minutes=2)
_DEFAULT_DURATION = timedelta(hours=4)
_CHANGE_FAILS = 0.25

_MOVED_AFTER = (timedelta(minutes=2), timedelta(minutes=30))
_LATE_BY = (timedelta(hours=1), timedelta(hours=5))
# After the end of an install; with the lag less than an hour.
_CONTRADICTS_FOR = (timedelta(minutes=10), timedelta(minutes=50))


def plan_course(
    install: Install, faults: Faults, *, limit: timedelta | None, number: int
) -> Install:
    """The install as it goes on a machine to which something happens; *limit* is its maximum duration."""
    machine = install.machine.id
    if install.ended_at and faults.strikes("late", machine):
        over = _between(_LATE_BY, faults.fraction("late by", machine, number))
        install = install.late(install.started_at + (limit or _DEFAULT_DURATION) + over)
    if install.ended_at and faults.strikes("stop_midway", machine):
        install = install.broken_off(_in_the_middle(install, faults))
    return install


def recreated_at(install: Install, faults: Faults, *, number: int) -> datetime | None:
    """When the machine is deleted and created again; None if it is not."""
    if install.ended_at and faults.strikes("recreate", install.machine.id, attempt=number):
        return _in_the_middle(install, faults)
    return None


def moved_after(machine: Machine, faults: Faults) -> timedelta | None:
    """How long after the fault was asked for the machine gets another resource group; None if it does not."""
    if not faults.strikes("move", machine.id):
        return None
    return _between(_MOVED_AFTER, faults.fraction("moved after", machine.key))


def contradicted_for(install: Install, faults: Faults, *, number: int) -> timedelta | None:
    """How long after its end Resource Graph says something else; None if it does not."""
    if not faults.strikes("contradict", install.machine.id, attempt=number):
        return None
    return _between(_CONTRADICTS_FOR, faults.fraction("contradicts for", install.activity_id))


def miscounts(install: Install, faults: Faults) -> bool:
    """Whether the contradiction is a wrong count, not a row that is left `InProgress`."""
    return faults.fraction("miscounts", install.activity_id) < 0.5


def takes_time(machine: Machine, faults: Faults, *, number: int) -> bool:
    """Whether the n-th change of a VM's model is an operation of its own."""
    return faults.strikes("slow_consent", machine.id, attempt=number)


def change_fails(machine: Machine, faults: Faults, *, number: int) -> bool:
    """Whether such an operation fails."""
    return faults.fraction("change fails", machine.key, number) < _CHANGE_FAILS


def _in_the_middle(install: Install, faults: Faults) -> datetime:
    end = install.ended_at or install.started_at
    share = 0.2 + 0.6 * faults.fraction("in the middle", install.machine.key)
    return install.started_at + (end - install.started_at) * share


def _between(bounds: tuple[timedelta, timedelta], share: float) -> timedelta:
    shortest, longest = bounds
    return shortest + (longest - shortest) * share
