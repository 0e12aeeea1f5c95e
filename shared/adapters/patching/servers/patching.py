"""The port `Patching` for servers on premises: looked up in the registry, reached over SSH.

1. The directory on the server that bears the request's id is the lock and the record of an install: whoever asks again
   finds it, and nothing is begun twice.
2. What fails before that directory is asked for proves that nothing was begun. A connection that is lost while it is
   asked for proves nothing, and the install is looked for.
3. An install is asked for with what `prepare` has had the server find out; it waits for nothing, and not after the
   cut-off.
4. Whatever a server answers, however long it takes, it is the trouble of that server alone.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from shared.adapters.package_managers.manager import UnreadableError
from shared.adapters.patching.servers.assessing import (
    AGAIN,
    Host,
    assessment,
    find_host,
    find_lacking,
    forget_what_was_lacking,
    unprepared,
)
from shared.adapters.patching.servers.choosing import choose
from shared.adapters.patching.servers.detached import (
    Ask,
    begin_anew,
    finding_out,
    look_at,
    looking_up,
)
from shared.adapters.patching.servers.orders import install_task
from shared.adapters.patching.servers.reporting import report_of
from shared.adapters.patching.servers.sessions import ServerSessions
from shared.adapters.ssh.connection import SshConnection
from shared.adapters.ssh.detached import Started, Task, start
from shared.adapters.ssh.errors import HostKeyChangedError, LostError, NotConnectedError
from shared.adapters.ssh.snapshots import State
from shared.application.limits import Limits
from shared.application.ports import (
    Accepted,
    Clock,
    InstallOrder,
    InstallReply,
    NotNow,
    Refused,
    Uncertain,
)
from shared.domain.machine import Ineligible, Machine, MachineState, MachineType
from shared.domain.records import Job
from shared.domain.report import InstallReport
from shared.domain.selection import Selection
from shared.errors import UnavailableError

_WITHIN = timedelta(seconds=60)
"""For all that is asked of a server at a time: a claim lives for a minute and a half."""
_LEAST = timedelta(seconds=10)
"""An install that could not begin within this is not asked for."""


class ServerPatching:
    """Looks at registered servers, installs on them, and asks after installs."""

    def __init__(self, sessions: ServerSessions, clock: Clock, limits: Limits) -> None:
        self._sessions = sessions
        self._clock = clock
        self._limits = limits

    async def inspect(self, machine_id: str, machine_type: MachineType) -> MachineState | None:
        """The server as it is now; None when it is not registered. Raises `UnavailableError`."""
        server = await self._sessions.find(machine_id)
        if server is None:
            return None
        if not server.enabled:
            return server.state
        try:
            async with _in_time(), self._sessions.open(machine_id):
                return server.state
        except HostKeyChangedError:
            return replace(server.state, host_key_changed=True)

    async def prepare(self, order: InstallOrder) -> NotNow | Ineligible | None:
        """Have the server find out what it lacks, and what belongs together."""
        try:
            async with _in_time(), self._sessions.open(order.machine.id) as connection:
                host = await find_host(connection)
                if isinstance(host, Ineligible):
                    return host
                chosen = await _choose(order, host, finding_out(connection, self._clock))
        except UnavailableError as error:
            return _not_now(error)
        return None if isinstance(chosen, Selection) else chosen

    async def install(self, order: InstallOrder) -> InstallReply:
        """Ask once; the server begins by itself, and goes on when the connection ends."""
        asked_at = self._clock.now()
        try:
            async with AsyncExitStack() as stack:
                async with _in_time():
                    opened = self._sessions.open(order.machine.id)
                    connection = await stack.enter_async_context(opened)
                    task = await self._task(connection, order, asked_at=asked_at)
                # From here on a time-out proves nothing any more.
                return await _begin(connection, task) if isinstance(task, Task) else task
        except UnavailableError as error:
            return _not_now(error)

    async def ask_after(self, job: Job) -> InstallReport | None:
        """What the server says of the job's install; None when it knows of none. Raises `UnavailableError`."""
        async with _in_time(), self._sessions.open(job.machine_id) as connection:
            return await report_of(
                job, connection, now=self._clock.now(), patience=self._limits.reboot_reserve
            )

    async def assess(self, machine: Machine) -> InstallReply:
        """Have the server find out what it lacks; one that does so already goes on."""
        try:
            async with _in_time(), self._sessions.open(machine.id) as connection:
                host = await find_host(connection)
                if isinstance(host, Ineligible):
                    return Refused(message=host.message)
                await begin_anew(connection, assessment(host).task)
                return Accepted()
        except UnavailableError as error:
            return _not_now(error)

    async def consent(self, machine: Machine) -> InstallReply:
        """A server is patched once it is registered."""
        return Refused(message=f"Machines of type {machine.type} need no consent.")

    async def _task(
        self, connection: SshConnection, order: InstallOrder, *, asked_at: datetime
    ) -> Task | NotNow | Refused:
        """The install that the order means on this server, by what is known of it."""
        host = await find_host(connection)
        if isinstance(host, Ineligible):
            return Refused(message=host.message)
        chosen = await _choose(order, host, looking_up(connection))
        if isinstance(chosen, Ineligible):
            return Refused(message=chosen.message)
        if isinstance(chosen, NotNow):
            return chosen
        await forget_what_was_lacking(connection, host)
        left = order.maximum_duration - (self._clock.now() - asked_at)
        if left - self._limits.server_cut_off < _LEAST:
            return _late()
        punctual = replace(order, maximum_duration=left)
        return install_task(punctual, host.manager, chosen, limits=self._limits)


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    """What takes too long, or is nothing that anybody could expect, is an `UnavailableError` of this server."""
    try:
        async with asyncio.timeout(_WITHIN.total_seconds()):
            yield
    except TimeoutError as error:
        raise UnavailableError(
            f"The server took more than {_WITHIN.total_seconds():.0f} s to answer."
        ) from error
    except (ArithmeticError, RecursionError, ValueError) as error:
        raise UnreadableError("The server answered what can't be understood.") from error


async def _choose(order: InstallOrder, host: Host, ask: Ask) -> Selection | NotNow | Ineligible:
    """What the order installs on this server, as soon as it is known."""
    lacking = await find_lacking(host, ask)
    if isinstance(lacking, NotNow | Ineligible):
        return lacking
    chosen = await choose(lacking, order.install_patches, ask)
    return chosen or unprepared("The server is still finding out which updates belong together.")


async def _begin(connection: SshConnection, task: Task) -> InstallReply:
    try:
        if await start(connection, task) is Started.LATE:
            return _late()
    except NotConnectedError as error:
        return _not_now(error)
    except LostError as error:
        return Uncertain(message=error.message)
    except UnavailableError as error:
        # The server itself says that it did not work: it knows whether there is anything to run.
        return await _after_failed_start(connection, task, error)
    return Accepted(operation=task.key, activity_id=task.key)


async def _after_failed_start(
    connection: SshConnection, task: Task, error: UnavailableError
) -> InstallReply:
    try:
        snapshot = await look_at(connection, task.key)
    except UnavailableError:
        return Uncertain(message=error.message)
    return _not_now(error) if snapshot.state is State.ABSENT else Uncertain(message=error.message)


def _not_now(error: UnavailableError) -> NotNow:
    return NotNow(message=error.message, cause="unreachable", again_in=AGAIN)


def _late() -> NotNow:
    message = "The cut-off passed before the install was sent."
    return NotNow(message=message, cause="late", again_in=AGAIN)
