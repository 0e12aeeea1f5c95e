"""What a person asks of machines: an assessment now, or consent to be patched by schedules.

Consent is never assumed: giving it is a request of its own that changes the VM's model. Each request is recorded before
it is sent, so that none is ever without a record, and again with its answer.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from shared import logs
from shared.application.callers import Caller, Role, require
from shared.application.choose_machines import (
    Choice,
    check_count,
    configured_machines,
    named_machines,
)
from shared.application.concurrency import gather_bounded
from shared.application.find_machine import machine_type_of
from shared.application.ports import (
    Accepted,
    InstallReply,
    MachineRequest,
    NotNow,
    Refused,
    RequestAnswer,
    RequestKind,
    Services,
    Uncertain,
)
from shared.domain.machine import (
    Machine,
    MachineState,
    MachineType,
    consent_refusal,
    has_consented,
)
from shared.errors import UnavailableError

_log = logging.getLogger(__name__)
_ASKED = "It is being asked for."
_UNDER_WAY = (
    "Azure took the change and is still at it: ask again in some minutes, or look at the VM. "
    "Once it is made, the answer is NotNeeded."
)


async def assess_machines(
    services: Services, choice: Choice, *, caller: Caller
) -> list[MachineRequest]:
    """Ask for an assessment of each machine; the results are read later, with `get_assessment`.

    Raises `InvalidRequestError`, `LimitExceededError`, and `NotFoundError` for want of the configuration.
    """
    require(caller, Role.OPERATOR)
    wanted = named_machines(services, choice)
    if choice.configuration:
        found = await configured_machines(services, choice, caller=caller)
        wanted = [one.id for one in found]
        check_count(services, wanted, target="configuration")
    return await request_assessments(services, wanted, caller=caller)


async def request_assessments(
    services: Services, machine_ids: Sequence[str], *, caller: Caller
) -> list[MachineRequest]:
    """Ask for an assessment of each machine in the name of *caller*, who was found to be allowed to have it asked."""
    return await _ask_all(_Asker(services, caller, RequestKind.ASSESS), machine_ids)


async def give_consent(
    services: Services, choice: Choice, *, caller: Caller
) -> list[MachineRequest]:
    """Let users' schedules patch each machine; of a configuration's, those that have not consented yet.

    Raises as `assess_machines`.
    """
    require(caller, Role.ADMINISTRATOR)
    wanted = named_machines(services, choice)
    if choice.configuration:
        found = await configured_machines(services, choice, caller=caller)
        wanted = [one.id for one in found if one.state and not has_consented(one.state)]
        check_count(services, wanted, target="configuration")
    return await _ask_all(_Asker(services, caller, RequestKind.CONSENT), wanted)


async def _ask_all(asker: "_Asker", machine_ids: Sequence[str]) -> list[MachineRequest]:
    calls = (asker.ask(one) for one in machine_ids)
    return await gather_bounded(calls, asker.services.limits.parallel)


class _Asker:
    """One request of one caller, machine by machine; an error of one machine is its answer."""

    def __init__(self, services: Services, caller: Caller, kind: RequestKind) -> None:
        self.services = services
        self._caller = caller
        self._kind = kind

    async def ask(self, machine_id: str) -> MachineRequest:
        machine_type = machine_type_of(machine_id)
        try:
            state = await self.services.patching.inspect(machine_id, machine_type)
        except UnavailableError as error:
            return self._request(machine_id, RequestAnswer.TRY_AGAIN, error.message)
        if state is None:
            return self._request(machine_id, RequestAnswer.NOT_FOUND, "There is no such machine.")
        if self._kind is RequestKind.ASSESS:
            return await self._send(state, self.services.patching.assess)
        if has_consented(state):
            return await self._not_needed(state)
        if refusal := consent_refusal(state):
            return self._request(state.machine.id, RequestAnswer.REFUSED, refusal)
        return await self._send(state, self.services.patching.consent)

    async def _send(
        self, state: MachineState, send: Callable[[Machine], Awaitable[InstallReply]]
    ) -> MachineRequest:
        asked = self._request(state.machine.id, RequestAnswer.UNKNOWN, _ASKED)
        await self.services.machine_requests.put(asked)
        # Dying from here on leaves a record that says truly: it may have been done.
        answer, message = _meaning(await send(state.machine))
        answered = replace(asked, answer=answer, message=message)
        await self.services.machine_requests.put(answered)
        logs.event(
            _log,
            "machine.asked",
            machine=asked.machine_id,
            by=asked.by,
            to=asked.kind,
            answer=answer,
        )
        return answered

    async def _not_needed(self, state: MachineState) -> MachineRequest:
        machine = state.machine
        if machine.type is not MachineType.AZURE_VM:
            message = f"Machines of type {machine.type} need no consent."
            return self._request(machine.id, RequestAnswer.NOT_NEEDED, message)
        given = await self.services.machine_requests.latest_accepted(machine.key, self._kind)
        message = "The VM has consented already, but not through Muster."
        if given:
            message = f"{given.by} has given consent at {given.at:%Y-%m-%d %H:%M} UTC."
        return self._request(machine.id, RequestAnswer.NOT_NEEDED, message)

    def _request(self, machine_id: str, answer: RequestAnswer, message: str) -> MachineRequest:
        return MachineRequest(
            machine_id=machine_id,
            kind=self._kind,
            by=self._caller.name,
            by_kind=self._caller.kind,
            at=self.services.clock.now(),
            answer=answer,
            message=message,
        )


def _meaning(reply: InstallReply) -> tuple[RequestAnswer, str]:
    match reply:
        case Accepted():
            return RequestAnswer.ACCEPTED, _UNDER_WAY if reply.operation else ""
        case Refused():
            return RequestAnswer.REFUSED, reply.message
        case NotNow():
            return RequestAnswer.TRY_AGAIN, reply.message
        case Uncertain():
            return RequestAnswer.UNKNOWN, reply.message
