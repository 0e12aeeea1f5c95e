"""Azure as one process reaches it: the ports of machines, over calls that fail, are refused, or get lost.

An install that is asked for is accepted, refused, throttled, not reached, or met by silence: then it may have been
accepted or not. All of it is in the journal, also what nobody lived to hear.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from localhost.simulation.chances import (
    AZURE_ERROR,
    INSTALL_REFUSED,
    INSTALL_REPLY_LOST,
    INSTALL_THROTTLED,
    INSTALL_TIMED_OUT,
    INSTALL_UNREACHABLE,
    Chances,
)
from localhost.simulation.estate import Estate
from localhost.simulation.journal import Asked, Journal
from localhost.simulation.process import Process
from localhost.simulation.timeline import Timeline
from shared.application.ports import (
    Accepted,
    InstallOrder,
    InstallReply,
    InventoryPage,
    NotNow,
    Refused,
    Uncertain,
)
from shared.domain.assessment import Assessment
from shared.domain.machine import Machine, MachineState, MachineType
from shared.domain.records import Job
from shared.domain.report import InstallReport
from shared.domain.scope import Scope
from shared.domain.updates import Update, UpdateRecord
from shared.errors import UnavailableError

T = TypeVar("T")

_PATIENCE = (timedelta(seconds=20), timedelta(seconds=45))
_AGAIN_IN = (timedelta(minutes=1), timedelta(minutes=4))
_DANGER = 12.0
"""How much likelier a process dies over a request for an install than over any call."""
_REFUSALS = (INSTALL_REFUSED, INSTALL_THROTTLED, INSTALL_UNREACHABLE)
_LOSSES = (INSTALL_TIMED_OUT, INSTALL_REPLY_LOST)


class Azure:
    """The ports `Inventory`, `Patching`, `InstallReports` and `AssessmentReports` of one process."""

    def __init__(
        self,
        estate: Estate,
        process: Process,
        chances: Chances,
        *,
        timeline: Timeline,
        journal: Journal,
    ) -> None:
        self._estate = estate
        self._process = process
        self._chances = chances
        self._timeline = timeline
        self._journal = journal

    # --- Inventory --------------------------------------------------------------------------------

    async def is_readable(self, subscription: str) -> bool:
        return await self._read("is readable", lambda: True)

    async def page(
        self, scope: Scope, *, after: str, limit: int, since: datetime | None = None
    ) -> InventoryPage:
        def read() -> InventoryPage:
            present = self._estate.present(scope.subscription)
            found = [state for state in present if state.machine.key > after]
            last = found[limit - 1].machine.key if len(found) > limit else None
            return InventoryPage(states=tuple(found[:limit]), last=last)

        return await self._read("inventory", read)

    # --- Patching ---------------------------------------------------------------------------------

    async def inspect(self, machine_id: str, machine_type: MachineType) -> MachineState | None:
        key = machine_id.lower()
        return await self._read(f"inspect {_name(key)}", lambda: self._estate.state(key))

    async def prepare(self, order: InstallOrder) -> None:
        return None

    async def install(self, order: InstallOrder) -> InstallReply:
        refusal = self._chances.first_of(*_REFUSALS)
        loss = "" if refusal else self._chances.first_of(*_LOSSES)
        name = f"install {_name(order.machine.id)}"
        reply = await self._process.call(
            name, lambda: self._reply(order, refusal or loss), danger=_DANGER
        )
        if loss and not isinstance(reply, Refused | NotNow):
            self._journal.mishap()
            await self._process.sleep(self._chances.between(*_PATIENCE))
            return Uncertain(message="no reply came")
        return reply

    def _reply(self, order: InstallOrder, fate: str) -> InstallReply:
        now, key = self._timeline.now(), order.machine.key
        if fate == INSTALL_UNREACHABLE:
            reply: InstallReply = self._not_now("unreachable", "no connection was made")
        elif fate == INSTALL_THROTTLED:
            reply = self._not_now("throttled", "429 Too Many Requests")
        elif fate == INSTALL_REFUSED or self._estate.state(key) is None:
            reply = Refused(message="400 Bad Request")
        elif self._estate.is_busy(key, now):
            reply = self._not_now("busy", "409 Conflict")
        elif fate == INSTALL_TIMED_OUT:
            reply = Uncertain(message="it never arrived")
        else:
            install = self._estate.begin(order.machine.id, order.client_request_id, now=now)
            reply = Accepted(operation=install.activity, activity_id=install.activity)
        self._note(order, reply)
        return reply

    def _not_now(self, cause: str, message: str) -> NotNow:
        return NotNow(message=message, cause=cause, again_in=self._chances.between(*_AGAIN_IN))

    def _note(self, order: InstallOrder, reply: InstallReply) -> None:
        match reply:
            case NotNow(cause=cause):
                word = cause
            case _:
                word = type(reply).__name__.lower()
        self._journal.asked(
            Asked(
                at=self._timeline.now(),
                machine=order.machine.key,
                client_request_id=order.client_request_id,
                reply=word,
                activity=reply.activity_id if isinstance(reply, Accepted) else "",
            )
        )

    async def ask_after(self, job: Job) -> InstallReport | None:
        def look() -> InstallReport | None:
            install = self._estate.by_activity.get(job.operation)
            return install.shows(self._timeline.now()) if install else None

        return await self._read(f"ask after {job.operation}", look)

    async def assess(self, machine: Machine) -> InstallReply:
        return Accepted()

    async def consent(self, machine: Machine) -> InstallReply:
        return Accepted()

    # --- reports ----------------------------------------------------------------------------------

    async def changed_since(
        self, instant: datetime, *, limit: int
    ) -> AsyncIterator[list[InstallReport]]:
        changed = await self._read(
            "reports", lambda: self._estate.changed_since(instant, self._timeline.now())
        )
        for at in range(0, len(changed), limit):
            yield changed[at : at + limit]
            if at + limit < len(changed):
                await self._read("more reports", lambda: None)

    async def updates_of(
        self, expected: Mapping[str, int], *, limit: int
    ) -> Mapping[str, tuple[UpdateRecord, ...]]:
        def look() -> Mapping[str, tuple[UpdateRecord, ...]]:
            now = self._timeline.now()
            installs = (self._estate.by_activity.get(activity) for activity in expected)
            return {
                one.activity.lower(): one.updates
                for one in installs
                if one and one.word_at and one.word_at + one.updates_after <= now
            }

        return await self._read("updates", look)

    async def latest(self, machine_keys: Sequence[str]) -> Mapping[str, Assessment]:
        return {}

    async def missing(self, machine_keys: Sequence[str]) -> Mapping[str, tuple[Update, ...]]:
        return {}

    async def _read(self, name: str, effect: Callable[[], T]) -> T:
        answer = await self._process.call(name, effect)
        if self._chances.strikes(AZURE_ERROR):
            raise UnavailableError(f"{name}: 500 Internal Server Error")
        return answer


def _name(machine_id: str) -> str:
    return machine_id.rpartition("/")[2]
