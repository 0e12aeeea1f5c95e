"""Asking a server what became of an install: one look, and no waiting.

An install that was interrupted is looked at by a task of its own, begun by the first who asks and read by the next.
"""

from datetime import datetime, timedelta

from shared.adapters.patching.servers.assessing import Host, find_host, forget_what_was_lacking
from shared.adapters.patching.servers.detached import Question, begin_anew, look_at, looking_up
from shared.adapters.patching.servers.orders import read_note, verification
from shared.adapters.patching.servers.results import Ended, final, going_on, restart_note
from shared.adapters.ssh.connection import SshConnection
from shared.adapters.ssh.snapshots import State
from shared.domain.records import Job
from shared.domain.report import InstallReport

_VERIFIED_FOR = timedelta(days=1)


async def report_of(
    job: Job, connection: SshConnection, *, now: datetime, patience: timedelta
) -> InstallReport | None:
    """What the server says of the job's install; None when it knows of none. Raises `UnavailableError`.

    *patience* is how long a restart may take.
    """
    snapshot = await look_at(connection, job.operation)
    match snapshot.state:
        case State.ABSENT:
            return None
        case State.PREPARED | State.RUNNING:
            return going_on(job, snapshot, now=now)
    if waiting := restart_note(snapshot, now=now, patience=patience):
        return going_on(job, snapshot, now=now, note=waiting)
    note = read_note(snapshot.note)
    found = snapshot.outputs
    if snapshot.state is State.INTERRUPTED:
        look_again = verification(job.operation, note.manager)
        seen = await looking_up(connection)(Question(task=look_again, fresh_for=_VERIFIED_FOR))
        if seen is None:
            await begin_anew(connection, look_again)
            return going_on(job, snapshot, now=now)
        found = seen
    host = await find_host(connection)
    if isinstance(host, Host):
        await forget_what_was_lacking(connection, host, before=snapshot)
    return final(job, Ended(snapshot=snapshot, note=note, found=found), now=now)
