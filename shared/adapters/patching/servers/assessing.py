"""What a server lacks: its package manager is asked in a detached task, whose result serves for an hour.

An install uses the result up: whatever comes after it asks anew.
"""

from dataclasses import dataclass
from datetime import timedelta

from shared.adapters.package_managers.detection import OS_RELEASE, manager_of
from shared.adapters.package_managers.manager import PackageManager, UnreadableError
from shared.adapters.patching.servers.detached import Outputs, Question, outputs_of
from shared.adapters.ssh.connection import SshConnection
from shared.adapters.ssh.detached import Task
from shared.application.ports import Clock, NotNow
from shared.domain.machine import Ineligible
from shared.domain.run import Reason
from shared.domain.updates import Update

ASSESS = "assess"
"""The directory of the only assessment that a server has at a time."""
WITHIN = timedelta(seconds=20)
"""How long a server may take to answer a question that needs no work."""
PATIENCE = timedelta(minutes=10)
"""How long an assessment waits for a lock that another process holds."""
AGAIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """What a server's own package manager says that it lacks."""

    manager: PackageManager
    updates: tuple[Update, ...]


async def find_manager(connection: SshConnection) -> PackageManager | Ineligible:
    """The server's package manager."""
    os_release = await connection.run(OS_RELEASE, b"", within=WITHIN)
    return manager_of(os_release.decode(errors="replace")) or Ineligible(
        reason=Reason.PREREQUISITES_NOT_MET,
        message="Its distribution is none that Muster knows: Debian, Ubuntu, the family of RHEL, Fedora and SUSE are.",
    )


def assessment(manager: PackageManager) -> Question:
    """What a server lacks; only an answer that is understood serves again."""
    task = Task(
        key=ASSESS,
        steps=manager.assess(),
        locked=manager.locked,
        patience=PATIENCE,
        note=manager.name,
    )

    def is_understood(outputs: Outputs) -> bool:
        try:
            manager.updates(outputs)
        except UnreadableError:
            return False
        return True

    return Question(task=task, serves=is_understood)


async def find_lacking(connection: SshConnection, clock: Clock) -> Lacking | NotNow | Ineligible:
    """What a server lacks, as soon as it is known; raises `UnavailableError`."""
    manager = await find_manager(connection)
    if isinstance(manager, Ineligible):
        return manager
    outputs = await outputs_of(connection, assessment(manager), clock=clock)
    if outputs is None:
        return unprepared("The server is still finding out what it lacks.")
    if why := forbidden(outputs):
        return why
    try:
        return Lacking(manager=manager, updates=manager.updates(outputs))
    except UnreadableError as error:
        return unprepared(error.message)


def unprepared(message: str) -> NotNow:
    """The server is asked again in a minute."""
    return NotNow(message=message, cause="unprepared", again_in=AGAIN)


def forbidden(outputs: Outputs) -> Ineligible | None:
    """Whether sudo refused a command, which only a person can change.

    sudo says so in a line that begins with its own name, and ends with 1 (sudo(8), "Exit value").
    """
    for output in outputs.values():
        said = next((line for line in output.stderr.splitlines() if line.startswith("sudo: ")), "")
        if output.code == 1 and said:
            return Ineligible(
                reason=Reason.PREREQUISITES_NOT_MET,
                message=f"The server's sudo refused a command ({said[:200]}): install the sudoers file of its "
                "package manager, which docs/servers.md names.",
            )
    return None
