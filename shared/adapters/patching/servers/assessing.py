"""What a server lacks: its package manager is asked in a detached task, whose result serves for an hour.

1. The task is named after the server's boot: what another server found, whose home folder this one shares or was cloned
   from, is never taken for its own.
2. An install uses the result up, and one that was found before an install had ended serves nobody after it.
"""

import re
from dataclasses import dataclass
from datetime import timedelta

from shared.adapters.package_managers.detection import manager_of
from shared.adapters.package_managers.manager import PackageManager, UnreadableError
from shared.adapters.package_managers.sudo import refusal
from shared.adapters.patching.servers.detached import (
    Ask,
    Outputs,
    Question,
    harmless_task,
    look_at,
    whole,
)
from shared.adapters.ssh.connection import SshConnection
from shared.adapters.ssh.detached import discard
from shared.adapters.ssh.snapshots import Snapshot
from shared.application.ports import NotNow
from shared.domain.machine import Ineligible
from shared.domain.run import Reason
from shared.domain.updates import Update

PATIENCE = timedelta(minutes=10)
"""How long an assessment waits for a lock that another process holds."""
AGAIN = timedelta(minutes=1)
_AGAIN_AFTER_A_FAILURE = timedelta(minutes=5)
"""A repository that is away is not asked each minute by each server."""
_WITHIN = timedelta(seconds=20)
_WHO = "cat /proc/sys/kernel/random/boot_id && { cat /etc/os-release 2>/dev/null || cat /usr/lib/os-release; }"
_BOOT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Which server answered: its package manager, and the boot that it is in."""

    manager: PackageManager
    boot_id: str

    @property
    def assess_key(self) -> str:
        """The directory of the only assessment that it has at a time."""
        return f"assess-{self.boot_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """What a server's own package manager says that it lacks."""

    host: Host
    updates: tuple[Update, ...]


async def find_host(connection: SshConnection) -> Host | Ineligible:
    """Who is connected to; raises `UnavailableError`."""
    said = (await connection.run(_WHO, b"", within=_WITHIN)).decode(errors="replace")
    boot_id, _, os_release = said.partition("\n")
    if not _BOOT_ID.fullmatch(boot_id):
        raise UnreadableError(
            "The server does not say its boot id first: whatever its login prints has to go."
        )
    manager = manager_of(os_release)
    if manager is None:
        return Ineligible(
            reason=Reason.PREREQUISITES_NOT_MET,
            message="Its distribution is none that Muster knows: Debian, Ubuntu, the family of RHEL, Fedora and SUSE "
            "are.",
        )
    return Host(manager=manager, boot_id=boot_id)


def assessment(host: Host) -> Question:
    """What a server lacks; only an answer that is understood serves again."""
    manager = host.manager
    task = harmless_task(manager, host.assess_key, steps=manager.assess(), patience=PATIENCE)

    def is_understood(outputs: Outputs) -> bool:
        try:
            manager.updates(whole(outputs))
        except UnreadableError:
            return False
        return True

    return Question(task=task, serves=is_understood)


async def find_lacking(host: Host, ask: Ask) -> Lacking | NotNow | Ineligible:
    """What a server lacks, as soon as it is known; raises `UnavailableError`."""
    outputs = await ask(assessment(host))
    if outputs is None:
        return unprepared(
            "The server is still finding out what it lacks: its package manager works, or hangs."
        )
    if why := forbidden(outputs):
        return why
    try:
        return Lacking(host=host, updates=host.manager.updates(whole(outputs)))
    except UnreadableError as error:
        return unprepared(error.message, again_in=_AGAIN_AFTER_A_FAILURE)


async def forget_what_was_lacking(
    connection: SshConnection, host: Host, *, before: Snapshot | None = None
) -> None:
    """Use the assessment up; with *before* only one that was begun before that install had ended."""
    if before and before.ended_ago is not None:
        began_ago = (await look_at(connection, host.assess_key)).began_ago
        if began_ago is None or began_ago < before.ended_ago:
            return
    await discard(connection, host.assess_key)


def unprepared(message: str, *, again_in: timedelta = AGAIN) -> NotNow:
    """The server is asked again after a while."""
    return NotNow(message=message, cause="unprepared", again_in=again_in)


def forbidden(outputs: Outputs) -> Ineligible | None:
    """Whether sudo refused a command, which only a person can change."""
    said = next(filter(None, map(refusal, outputs.values())), "")
    if not said:
        return None
    return Ineligible(
        reason=Reason.PREREQUISITES_NOT_MET,
        message=f"The server's sudo refused a command ({said[:200]}): install the sudoers file of its package manager, "
        "which docs/servers.md names.",
    )
