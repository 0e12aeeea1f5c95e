"""Laws of selecting updates, over every wish and list of updates of a small world."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.install_patches import (
    InstallPatches,
    LinuxParameters,
    WindowsParameters,
    selects_nothing,
)
from shared.domain.machine import OsType
from shared.domain.selection import select
from shared.domain.updates import CLASSIFICATIONS, Update
from tests.property.strategies_scope import KBS, MASKS, updates, wishes

systems = st.sampled_from(OsType)


@given(updates, wishes, systems)
def test_every_update_is_in_exactly_one_part(
    offered: list[Update], wish: InstallPatches, os_type: OsType
) -> None:
    found = select(offered, wish, os_type=os_type)

    parts = [*found.selected, *found.excluded, *found.not_selected]
    assert sorted(map(repr, parts)) == sorted(map(repr, offered))


@given(updates, wishes, st.sampled_from(MASKS))
def test_what_a_mask_would_include_is_not_selected_once_it_is_excluded(
    offered: list[Update], wish: InstallPatches, mask: str
) -> None:
    sent = wish.linux or LinuxParameters(classifications=CLASSIFICATIONS[OsType.LINUX])
    # The version says nothing in an exclusion, so the name alone is the fair question.
    by_mask = LinuxParameters(masks_to_include=(mask.partition("=")[0],))
    barred = InstallPatches(
        linux=replace(
            sent,
            masks_to_include=(*sent.masks_to_include, mask),
            masks_to_exclude=(*sent.masks_to_exclude, mask),
        )
    )

    found = select(offered, barred, os_type=OsType.LINUX)

    assert not any(by_mask.wants(update) for update in found.selected)


@given(updates, wishes, st.sampled_from(KBS))
def test_excluded_kb_is_never_selected(
    offered: list[Update], wish: InstallPatches, kb: str
) -> None:
    sent = wish.windows or WindowsParameters(classifications=CLASSIFICATIONS[OsType.WINDOWS])
    barred = replace(
        sent,
        kbs_to_include=(*sent.kbs_to_include, kb),
        kbs_to_exclude=(*sent.kbs_to_exclude, kb),
    )

    found = select(offered, InstallPatches(windows=barred), os_type=OsType.WINDOWS)

    number = kb.removeprefix("KB")
    assert not any((update.kb or "").removeprefix("KB") == number for update in found.selected)


@given(updates, wishes, systems)
def test_what_a_selected_update_needs_is_selected_too(
    offered: list[Update], wish: InstallPatches, os_type: OsType
) -> None:
    found = select(offered, wish, os_type=os_type)

    offered_names = {update.name for update in offered}
    selected_names = {update.name for update in found.selected}
    needed = {name for update in found.selected for name in update.dependencies}
    assert needed & offered_names <= selected_names


@given(updates, wishes, systems)
def test_what_needs_something_excluded_is_excluded_too(
    offered: list[Update], wish: InstallPatches, os_type: OsType
) -> None:
    found = select(offered, wish, os_type=os_type)

    excluded_names = {update.name for update in found.excluded}
    kept = (*found.selected, *found.not_selected)
    # Where versions of one name part ways (Windows knows KBs), one excluded namesake is enough.
    if wish.parameters(os_type) is not None:
        assert not any(excluded_names & set(update.dependencies) for update in kept)


@given(updates, wishes, systems)
def test_wish_that_selects_nothing_selects_nothing_anywhere(
    offered: list[Update], wish: InstallPatches, os_type: OsType
) -> None:
    if selects_nothing(wish, os_type):
        assert select(offered, wish, os_type=os_type).selected == ()


@given(updates)
def test_every_classification_without_exclusions_is_every_update(offered: list[Update]) -> None:
    every = InstallPatches(
        windows=WindowsParameters(classifications=CLASSIFICATIONS[OsType.WINDOWS]),
        linux=LinuxParameters(classifications=CLASSIFICATIONS[OsType.LINUX]),
    )

    for os_type in OsType:
        assert select(offered, every, os_type=os_type).selected == tuple(offered)


@given(updates, wishes, systems)
def test_order_of_the_updates_changes_nothing_but_the_order(
    offered: list[Update], wish: InstallPatches, os_type: OsType
) -> None:
    there = select(offered, wish, os_type=os_type)
    back = select(offered[::-1], wish, os_type=os_type)

    assert sorted(map(repr, there.selected)) == sorted(map(repr, back.selected))
    assert sorted(map(repr, there.excluded)) == sorted(map(repr, back.excluded))
