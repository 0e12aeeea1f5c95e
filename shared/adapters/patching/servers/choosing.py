"""Which of a server's updates a configuration installs there, dependencies included.

1. `domain.selection` decides, as everywhere; no value of a configuration goes to the server.
2. What an update brings along is asked of the package manager only where something is excluded: first for all selected
   updates at once, and for each one where that would bring what is excluded.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from shared.adapters.package_managers.manager import UnreadableError
from shared.adapters.patching.servers.assessing import PATIENCE, Lacking
from shared.adapters.patching.servers.detached import Outputs, Question, outputs_of
from shared.adapters.ssh.commands import Output, Step
from shared.adapters.ssh.connection import SshConnection
from shared.adapters.ssh.detached import Task
from shared.application.ports import Clock
from shared.domain.install_patches import InstallPatches, LinuxParameters
from shared.domain.machine import OsType
from shared.domain.selection import Selection, select
from shared.domain.updates import Update


async def choose(
    connection: SshConnection, lacking: Lacking, install_patches: InstallPatches, *, clock: Clock
) -> Selection | None:
    """What is to be installed, excluded and left; None while the server still finds out what belongs together.

    Raises `UnavailableError`.
    """
    found = _selected(lacking.updates, install_patches)
    linux = install_patches.linux
    if linux is None or not linux.masks_to_exclude or not found.selected:
        return found
    together = lacking.manager.simulate(found.selected, name="all")
    outputs = await _simulated(connection, lacking, [together], clock=clock)
    if outputs is None:
        return None
    if not _brings_excluded(lacking, outputs[0], linux):
        return found
    alone = [
        lacking.manager.simulate([update], name=f"update-{number}")
        for number, update in enumerate(found.selected)
    ]
    outputs = await _simulated(connection, lacking, alone, clock=clock)
    if outputs is None:
        return None
    needs = {
        _identity(update): _dependencies(lacking, update, output)
        for update, output in zip(found.selected, outputs, strict=True)
    }
    known = [replace(one, dependencies=needs.get(_identity(one), ())) for one in lacking.updates]
    return _selected(known, install_patches)


def _selected(updates: Sequence[Update], install_patches: InstallPatches) -> Selection:
    """The selection, without the lower versions of packages whose newest one is selected."""
    found = select(updates, install_patches, os_type=OsType.LINUX)
    newest: dict[str, Update] = {}
    for update in found.selected:
        newest.setdefault(update.name, update)
    return replace(found, selected=tuple(newest.values()))


async def _simulated(
    connection: SshConnection, lacking: Lacking, steps: Sequence[Step], *, clock: Clock
) -> list[Output] | None:
    """What the simulations answered, in their order; None while they go on.

    One of the same commands within the hour is the same question.
    """
    words = "\n".join(word for step in steps for word in step.command.words)
    manager = lacking.manager
    task = Task(
        key=f"simulate-{hashlib.sha256(words.encode()).hexdigest()[:32]}",
        steps=tuple(steps),
        locked=manager.locked,
        patience=PATIENCE,
        note=manager.name,
    )

    def serves(outputs: Outputs) -> bool:
        said = "".join(output.stdout + output.stderr for output in outputs.values())
        return not any(text in said for text in manager.locked)

    outputs = await outputs_of(connection, Question(task=task, serves=serves), clock=clock)
    return None if outputs is None else [outputs[step.name] for step in steps]


def _brings_excluded(lacking: Lacking, output: Output, linux: LinuxParameters) -> bool:
    """Whether what comes along is excluded; what can't be installed together may be, one by one."""
    try:
        names = lacking.manager.brings(output)
    except UnreadableError:
        return True
    return any(linux.excludes(Update(name=name, classification="Other")) for name in names)


def _dependencies(lacking: Lacking, update: Update, output: Output) -> tuple[str, ...]:
    """What an update brings along; nothing is known of one that can't be installed: the install will say so."""
    try:
        names = lacking.manager.brings(output)
    except UnreadableError:
        return ()
    return tuple(name for name in names if name != update.name)


def _identity(update: Update) -> tuple[str, str | None]:
    return update.name, update.version
