"""Requests to a machine's provider that are sent once, and what their replies prove; the same for all providers.

Only what proves that nothing was started is `NotNow` or `Refused`: no connection was made, or Azure answered with a 4xx
other than 408. All else that is no acceptance is `Uncertain`.
"""

from datetime import timedelta
from uuid import uuid4

from shared.adapters.arm import ArmClient, ArmReply, NoReply, NotSent
from shared.application.ports import Accepted, InstallReply, NotNow, Refused, Uncertain

UNREACHABLE_AGAIN = timedelta(minutes=1)
THROTTLED_AGAIN = timedelta(seconds=30)
BUSY_AGAIN = timedelta(minutes=5)


async def ask(arm: ArmClient, path: str, *, api_version: str) -> InstallReply:
    """Ask for what nobody asks after."""
    reply = await arm.send(path, None, api_version=api_version, request_id=str(uuid4()))
    match reply:
        case NotSent() | NoReply():
            return lost(reply)
    if reply.status in (200, 201, 202):
        return Accepted()
    return declined(reply)


def lost(reply: NotSent | NoReply) -> InstallReply:
    """What it proves that there is no reply."""
    if isinstance(reply, NotSent):
        return NotNow(message=reply.message, cause="unreachable", again_in=UNREACHABLE_AGAIN)
    return Uncertain(message=reply.message)


def declined(reply: ArmReply) -> InstallReply:
    """What a reply proves that is no acceptance."""
    if reply.status == 429:
        wait = reply.retry_after or THROTTLED_AGAIN
        return NotNow(message=reply.problem, cause="throttled", again_in=wait)
    if reply.status == 409:
        return NotNow(message=reply.problem, cause="busy", again_in=BUSY_AGAIN)
    if 400 <= reply.status < 500 and reply.status != 408:
        return Refused(message=reply.problem)
    return Uncertain(message=f"Azure answered: {reply.problem}")
