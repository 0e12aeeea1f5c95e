"""Detached tasks of a server that are harmless to repeat: started, waited for, read, and started anew.

A task that changes nothing may be begun again whenever its directory is of no use: what it found is not understood, it
was interrupted, or it is too old. Its result is what one of its runs found, whoever began it.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared import logs
from shared.adapters.package_managers.manager import PackageManager, UnreadableError
from shared.adapters.ssh.commands import Output, Step
from shared.adapters.ssh.connection import SshConnection
from shared.adapters.ssh.detached import Task, discard, look, start
from shared.adapters.ssh.snapshots import Snapshot, State
from shared.application.ports import Clock

_log = logging.getLogger(__name__)

_EVERY = timedelta(seconds=2)
_LOOKS = 15
"""Half a minute: a claim lives for a minute and a half, and connecting takes of it too."""

Outputs = Mapping[str, Output]


def whole(outputs: Outputs) -> Outputs:
    """The same outputs; raises `UnreadableError` for one of which a part is missing: no list is read in part."""
    cut = next((name for name, output in outputs.items() if output.is_cut), "")
    if cut:
        raise UnreadableError(f"The server's answer to '{cut}' is too long to be read whole.")
    return outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A task that finds something out, and which of its answers may serve again, within `fresh_for`."""

    task: Task
    serves: Callable[[Outputs], bool] = lambda _outputs: True
    fresh_for: timedelta = timedelta(hours=1)


Ask = Callable[[Question], Awaitable[Outputs | None]]
"""Gets an answer, or None while there is none."""


def finding_out(connection: SshConnection, clock: Clock) -> Ask:
    """Has the server find out what is not known, and waits for it, half a minute at most."""

    async def ask(question: Question) -> Outputs | None:
        snapshot = await look_at(connection, question.task.key)
        if not _is_of_use(snapshot, question):
            await discard(connection, question.task.key)
            snapshot = Snapshot(state=State.ABSENT)
        for _ in range(_LOOKS):
            if snapshot.state in (State.ABSENT, State.PREPARED):
                await start(connection, question.task)
                logs.event(_log, "task.started", task=question.task.key)
            elif snapshot.state is State.ENDED:
                return snapshot.outputs
            elif snapshot.state is State.INTERRUPTED:
                return None
            await clock.sleep(_EVERY)
            snapshot = await look_at(connection, question.task.key)
        return None

    return ask


def looking_up(connection: SshConnection) -> Ask:
    """Takes what is known already, and begins nothing."""

    async def ask(question: Question) -> Outputs | None:
        snapshot = await look_at(connection, question.task.key)
        is_there = snapshot.state is State.ENDED and _is_of_use(snapshot, question)
        return snapshot.outputs if is_there else None

    return ask


def harmless_task(
    manager: PackageManager, key: str, *, steps: Sequence[Step], patience: timedelta
) -> Task:
    """A task that only asks *manager*, and waits for its lock as long as *patience* says."""
    return Task(
        key=key,
        steps=tuple(steps),
        locked=manager.locked,
        began=manager.began,
        patience=patience,
        note=manager.name,
    )


async def begin_anew(connection: SshConnection, task: Task) -> None:
    """Have a task find out what is true from now on; one that is at it goes on."""
    snapshot = await look_at(connection, task.key)
    if snapshot.state in (State.ENDED, State.INTERRUPTED):
        await discard(connection, task.key)
    await start(connection, task)


async def look_at(connection: SshConnection, key: str) -> Snapshot:
    """How far one task has come."""
    return (await look(connection, [key]))[key]


def _is_of_use(snapshot: Snapshot, question: Question) -> bool:
    match snapshot.state:
        case State.INTERRUPTED:
            return False
        case State.ENDED:
            is_fresh = snapshot.ended_ago is not None and snapshot.ended_ago <= question.fresh_for
            return is_fresh and question.serves(snapshot.outputs)
    return True
