"""The port `Patching` for servers on premises: looked up in the registry, reached over SSH.

1. The directory on the server that bears the request's id is the lock and the record of an install: whoever asks again
   finds it, and nothing is begun twice.
2. What fails before that directory is asked for proves that nothing was begun. A connection that is lost while it is
   asked for proves nothing, and the install is looked for.
"""

from dataclasses import replace

from shared.adapters.patching.servers.assessing import (
    AGAIN,
    ASSESS,
    assessment,
    find_lacking,
    find_manager,
    unprepared,
)
from shared.adapters.patching.servers.choosing import choose
from shared.adapters.patching.servers.detached import Question, begin_anew, outputs_of
from shared.adapters.patching.servers.orders import install_task, read_note, verification
from shared.adapters.patching.servers.results import Ended, final, going_on, restart_note
from shared.adapters.patching.servers.sessions import ServerSessions
from shared.adapters.ssh.connection import SshConnection
from shared.adapters.ssh.detached import Task, discard, look, start
from shared.adapters.ssh.errors import HostKeyChangedError, LostError, NotConnectedError
from shared.adapters.ssh.snapshots import Snapshot, State
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
from shared.errors import UnavailableError

_SELECTING = "The server is still finding out which updates belong together."


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
            async with self._sessions.open(machine_id):
                return server.state
        except HostKeyChangedError:
            return replace(server.state, host_key_changed=True)

    async def prepare(self, order: InstallOrder) -> NotNow | Ineligible | None:
        """Have the server find out what it lacks, and what belongs together."""
        try:
            async with self._sessions.open(order.machine.id) as connection:
                ready = await self._task(connection, order)
        except UnavailableError as error:
            return _not_now(error)
        return None if isinstance(ready, Task) else ready

    async def install(self, order: InstallOrder) -> InstallReply:
        """Ask once; the server begins by itself, and goes on when the connection ends."""
        try:
            async with self._sessions.open(order.machine.id) as connection:
                task = await self._task(connection, order)
                match task:
                    case Task():
                        return await self._begin(connection, task)
                    case Ineligible():
                        return Refused(message=task.message)
                return task
        except UnavailableError as error:
            return _not_now(error)

    async def ask_after(self, job: Job) -> InstallReport | None:
        """What the server says of the job's install; None when it knows of none. Raises `UnavailableError`."""
        async with self._sessions.open(job.machine_id) as connection:
            snapshot = (await look(connection, [job.operation]))[job.operation]
            if snapshot.state is State.ABSENT:
                return None
            return await self._report(connection, job, snapshot)

    async def assess(self, machine: Machine) -> InstallReply:
        """Have the server find out what it lacks; one that does so already goes on."""
        try:
            async with self._sessions.open(machine.id) as connection:
                manager = await find_manager(connection)
                if isinstance(manager, Ineligible):
                    return Refused(message=manager.message)
                await begin_anew(connection, assessment(manager).task)
                return Accepted()
        except UnavailableError as error:
            return _not_now(error)

    async def consent(self, machine: Machine) -> InstallReply:
        """A server is patched once it is registered."""
        return Refused(message=f"Machines of type {machine.type} need no consent.")

    async def _task(
        self, connection: SshConnection, order: InstallOrder
    ) -> Task | NotNow | Ineligible:
        """The install that the order means on this server, as soon as it is known."""
        lacking = await find_lacking(connection, self._clock)
        if not isinstance(lacking, NotNow | Ineligible):
            patches = order.install_patches
            selection = await choose(connection, lacking, patches, clock=self._clock)
            if selection is None:
                return unprepared(_SELECTING)
            return install_task(order, lacking.manager, selection, limits=self._limits)
        return lacking

    async def _begin(self, connection: SshConnection, task: Task) -> InstallReply:
        """Begin the install; what it was chosen from is used up by it."""
        await discard(connection, ASSESS)
        try:
            await start(connection, task)
        except NotConnectedError as error:
            return _not_now(error)
        except LostError as error:
            return Uncertain(message=error.message)
        except UnavailableError as error:
            # The server itself says that it did not work: it knows whether there is anything to run.
            return await self._after_failed_start(connection, task, error)
        return Accepted(operation=task.key, activity_id=task.key)

    async def _after_failed_start(
        self, connection: SshConnection, task: Task, error: UnavailableError
    ) -> InstallReply:
        try:
            snapshot = (await look(connection, [task.key]))[task.key]
        except UnavailableError:
            return Uncertain(message=error.message)
        if snapshot.state is State.ABSENT:
            return _not_now(error)
        return Uncertain(message=error.message)

    async def _report(
        self, connection: SshConnection, job: Job, snapshot: Snapshot
    ) -> InstallReport | None:
        now = self._clock.now()
        if snapshot.state in (State.PREPARED, State.RUNNING):
            return going_on(job, snapshot, now=now)
        patience = self._limits.reboot_reserve
        if waiting := restart_note(snapshot, now=now, patience=patience):
            return going_on(job, snapshot, now=now, note=waiting)
        note = read_note(snapshot.note)
        found = snapshot.outputs
        if snapshot.state is State.INTERRUPTED:
            question = Question(task=verification(job.operation, note.manager))
            looked = await outputs_of(connection, question, clock=self._clock)
            if looked is None:
                return going_on(job, snapshot, now=now)
            found = looked
        return final(job, Ended(snapshot=snapshot, note=note, found=found), now=now)


def _not_now(error: UnavailableError) -> NotNow:
    return NotNow(message=error.message, cause="unreachable", again_in=AGAIN)
