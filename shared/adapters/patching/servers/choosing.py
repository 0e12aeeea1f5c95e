"""Which of a server's updates a configuration installs there, dependencies included.

1. `domain.selection` decides, as everywhere; no value of a configuration goes to the server.
2. Where something is excluded, the package manager is asked what an install would bring along: first of all selected
   updates at once; of each one alone where that would bring what is excluded; and of what is then left once more.
3. Nothing is chosen that would bring what is excluded, whatever that leaves. Where the package manager can't say what
   comes, nothing is chosen at all.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from shared.adapters.package_managers.manager import UnreadableError
from shared.adapters.patching.servers.assessing import PATIENCE, Lacking
from shared.adapters.patching.servers.detached import Ask, Outputs, Question, harmless_task, whole
from shared.adapters.ssh.commands import Output, Step
from shared.domain.install_patches import InstallPatches, LinuxParameters
from shared.domain.machine import OsType
from shared.domain.selection import Selection, select
from shared.domain.updates import Update


class _NotKnownYetError(Exception):
    """The server is still at it."""


async def choose(lacking: Lacking, install_patches: InstallPatches, ask: Ask) -> Selection | None:
    """What is to be installed, excluded and left; None while the server still finds out what belongs together.

    Raises `UnavailableError`, also where the package manager can't say what an install would bring.
    """
    found = _selected(lacking.updates, install_patches)
    linux = install_patches.linux
    if linux is None or not linux.masks_to_exclude or not found.selected:
        return found
    try:
        return await _Choice(lacking, install_patches, linux, ask).without_excluded(found)
    except _NotKnownYetError:
        return None


class _Choice:
    """One choice among what one server lacks."""

    def __init__(
        self, lacking: Lacking, install_patches: InstallPatches, linux: LinuxParameters, ask: Ask
    ) -> None:
        self._lacking = lacking
        self._install_patches = install_patches
        self._linux = linux
        self._ask = ask

    async def without_excluded(self, found: Selection) -> Selection:
        if not await self._problem(found):
            return found
        needs = await self._needs(found.selected)
        known = [
            replace(one, dependencies=needs.get(_identity(one)) or ())
            for one in self._lacking.updates
        ]
        chosen = _selected(known, self._install_patches)
        if not (why := await self._problem(chosen)):
            return chosen
        # What can't be installed alone may bring what is excluded together with others.
        unclear = [one for one in chosen.selected if needs.get(_identity(one), ()) is None]
        fewer = _excluding(chosen, unclear)
        if unclear and not (why := await self._problem(fewer)):
            return fewer
        if isinstance(why, UnreadableError):
            raise why
        return _excluding(chosen, chosen.selected)

    async def _problem(self, choice: Selection) -> UnreadableError | str:
        """What speaks against installing it: the package manager can't say, or an excluded package would come."""
        if not choice.selected:
            return ""
        (output,) = await self._simulated(
            [self._lacking.host.manager.simulate(choice.selected, name="all")]
        )
        try:
            names = self._lacking.host.manager.brings(output)
        except UnreadableError as error:
            return error
        excluded = (one for one in names if self._linux.excludes(_named(one)))
        return next(excluded, "")

    async def _needs(
        self, updates: Sequence[Update]
    ) -> dict[tuple[str, str | None], tuple[str, ...] | None]:
        """What each update brings along; None for one that can't be installed alone."""
        manager = self._lacking.host.manager
        outputs = await self._simulated(
            [manager.simulate([one], name=f"update-{number}") for number, one in enumerate(updates)]
        )
        found: dict[tuple[str, str | None], tuple[str, ...] | None] = {}
        for update, output in zip(updates, outputs, strict=True):
            try:
                names = manager.brings(output)
            except UnreadableError:
                found[_identity(update)] = None
            else:
                found[_identity(update)] = tuple(name for name in names if name != update.name)
        return found

    async def _simulated(self, steps: Sequence[Step]) -> list[Output]:
        """What the simulations answered, in their order; one of the same commands is the same question."""
        host = self._lacking.host
        words = "\n".join([host.boot_id, *(word for step in steps for word in step.command.words)])
        key = f"simulate-{hashlib.sha256(words.encode()).hexdigest()[:32]}"
        task = harmless_task(host.manager, key, steps=steps, patience=PATIENCE)

        def serves(outputs: Outputs) -> bool:
            said = "".join(output.stdout + output.stderr for output in outputs.values())
            return not any(text in said for text in host.manager.locked)

        outputs = await self._ask(Question(task=task, serves=serves))
        if outputs is None or any(step.name not in outputs for step in steps):
            raise _NotKnownYetError
        return [whole(outputs)[step.name] for step in steps]


def _selected(updates: Sequence[Update], install_patches: InstallPatches) -> Selection:
    """The selection, without the lower versions of packages whose newest one is selected."""
    found = select(updates, install_patches, os_type=OsType.LINUX)
    newest: dict[str, Update] = {}
    for update in found.selected:
        newest.setdefault(update.name, update)
    return replace(found, selected=tuple(newest.values()))


def _excluding(choice: Selection, updates: Iterable[Update]) -> Selection:
    """The same choice with *updates* among the excluded."""
    out = tuple(updates)
    return replace(
        choice,
        selected=tuple(one for one in choice.selected if one not in out),
        excluded=(*choice.excluded, *out),
    )


def _named(name: str) -> Update:
    return Update(name=name, classification="Other")


def _identity(update: Update) -> tuple[str, str | None]:
    return update.name, update.version
