"""Which machines there are, and how they are patched."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from shared.domain.install_patches import InstallPatches
from shared.domain.machine import Ineligible, Machine, MachineState, MachineType, OsType
from shared.domain.records import Job
from shared.domain.report import InstallReport
from shared.domain.scope import Scope
from shared.domain.updates import UpdateRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryPage:
    """Machines in the order of their keys; `last` is the key to go on after, or None at the end.

    `states` are as the inventory knows them, which may be some minutes late: enough to foretell, not to act on.
    """

    states: tuple[MachineState, ...]
    last: str | None

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The machines alone."""
        return tuple(state.machine for state in self.states)


class Inventory(Protocol):
    """Which machines there are."""

    async def is_readable(self, subscription: str) -> bool:
        """Whether this app can see the subscription at all."""

    async def page(
        self, scope: Scope, *, after: str, limit: int, since: datetime | None = None
    ) -> InventoryPage:
        """At most *limit* machines of a scope, keys greater than *after*.

        It may hold machines that the scope does not match: the query narrows, `domain.scope.matches` decides. What was
        read for another at or after *since* will do; None wants what is true now.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallOrder:
    """What a machine is asked to do; `client_request_id` travels with the request."""

    machine: Machine
    os_type: OsType
    install_patches: InstallPatches
    maximum_duration: timedelta
    client_request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The request was accepted: *operation* is to be asked after, *activity_id* is what it reports under.

    Both may be empty for what nobody asks after. *budget_left* is what `domain.budget.read_left` reads.
    """

    operation: str = ""
    activity_id: str = ""
    budget_left: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Proof that nothing was started, and that asking again would change nothing (a 4xx but 408, 409, 429)."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotNow:
    """Proof that nothing was started, but it may be later.

    `cause` is `unreachable` (no connection was made), `throttled` (429), `busy` (409), `unprepared` (the machine does
    not know yet what it lacks) or `late` (the cut-off passed before the request was sent); `again_in` is how long to
    wait.
    """

    message: str
    cause: str
    again_in: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertain:
    """A time-out, a reset, 408 or 5xx: the request may have been accepted. Never ask for an install again."""

    message: str


InstallReply = Accepted | Refused | NotNow | Uncertain


class Patching(Protocol):
    """Looks at machines, installs on them, and asks after installs, one machine at a time."""

    async def inspect(self, machine_id: str, machine_type: MachineType) -> MachineState | None:
        """The machine as it is now; None when it is gone."""

    async def prepare(self, order: InstallOrder) -> NotNow | Ineligible | None:
        """Find out what the install needs to know, without changing what is installed; None when it may be asked for.

        A machine that works on it is `NotNow`: it goes on by itself, and is asked again.
        """

    async def install(self, order: InstallOrder) -> InstallReply:
        """Ask once, never again by itself; every failure is one of the replies, none an exception."""

    async def ask_after(self, job: Job) -> InstallReport | None:
        """What the service says of `job.operation`; None when it does not know."""

    async def assess(self, machine: Machine) -> InstallReply:
        """Ask for an assessment, once; its result is found in `AssessmentReports`, minutes later."""

    async def consent(self, machine: Machine) -> InstallReply:
        """Let users' schedules patch a VM whose system is known: one change of its model, followed for a while.

        An `Accepted` with an operation has not ended in that time: nobody knows yet.
        """


class InstallReports(Protocol):
    """Reports of installs in bulk, over all subscriptions that the app can see."""

    def changed_since(self, instant: datetime, *, limit: int) -> AsyncIterator[list[InstallReport]]:
        """Pages of at most *limit* installs whose report changed at or after *instant*, without their updates."""

    async def updates_of(
        self, expected: Mapping[str, int], *, limit: int
    ) -> Mapping[str, tuple[UpdateRecord, ...]]:
        """The updates of these installs, by activity id in lower case; *expected* says how many each should have."""
