"""Which of a machine's updates a configuration selects.

Selected is what is in a chosen classification or included by name, less what is excluded: exclusion always wins, also
over what depends on it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.domain.install_patches import InstallPatches
from shared.domain.machine import OsType
from shared.domain.updates import Update, split_architecture

_ANY_ARCHITECTURE = ("", ".noarch", ":all", ":any")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A machine's updates in three parts, each in the order in which they came."""

    selected: tuple[Update, ...] = ()
    excluded: tuple[Update, ...] = ()
    not_selected: tuple[Update, ...] = ()


def select(
    updates: Sequence[Update], install_patches: InstallPatches | None, *, os_type: OsType
) -> Selection:
    """Divide a machine's updates into selected, excluded and not selected; each is in exactly one part.

    What depends on something excluded, however indirectly, is excluded; what a selected update depends on is selected
    with it. A dependency that is not among the updates counts too when its name is excluded: it would be installed.
    """
    parameters = install_patches.parameters(os_type) if install_patches else None
    if parameters is None:
        return Selection(not_selected=tuple(updates))
    needs = _needs(updates)
    needed_by: dict[int, set[int]] = defaultdict(set)
    for index, needed in needs.items():
        for other in needed:
            needed_by[other].add(index)
    barred = {index for index, update in enumerate(updates) if parameters.excludes(update)}
    excluded = _reach(barred, needed_by)
    wanted = {index for index, update in enumerate(updates) if parameters.wants(update)}
    # Nothing excluded is reached from here: whatever needs it is excluded itself.
    selected = _reach(wanted - excluded, needs)
    rest = set(range(len(updates))) - excluded - selected
    return Selection(
        selected=tuple(updates[index] for index in sorted(selected)),
        excluded=tuple(updates[index] for index in sorted(excluded)),
        not_selected=tuple(updates[index] for index in sorted(rest)),
    )


def _needs(updates: Sequence[Update]) -> dict[int, set[int]]:
    """Which updates each one depends on, by index.

    A dependency is found by its exact name, else by the name without architecture among those of the architecture that
    it, or else the one that needs it, has: what an x86_64 package needs is not the i686 one of that name.
    """
    namesakes: dict[str, list[int]] = defaultdict(list)
    for index, update in enumerate(updates):
        namesakes[split_architecture(update.name)[0]].append(index)
    needs: dict[int, set[int]] = defaultdict(set)
    for index, update in enumerate(updates):
        for name in update.dependencies:
            bare, architecture = split_architecture(name)
            found = namesakes.get(bare, ())
            own = architecture or split_architecture(update.name)[1]
            needs[index] |= {other for other in found if updates[other].name == name} or {
                other for other in found if _fits(own, split_architecture(updates[other].name)[1])
            }
    return needs


def _fits(architecture: str, other: str) -> bool:
    return architecture == other or not {architecture, other}.isdisjoint(_ANY_ARCHITECTURE)


def _reach(start: Iterable[int], edges: Mapping[int, set[int]]) -> set[int]:
    """Everything that can be come to from *start*, which is part of it; cycles end."""
    reached, fresh = set(start), list(start)
    while fresh:
        found = edges.get(fresh.pop(), set()) - reached
        reached |= found
        fresh += found
    return reached
