"""Machines, filters, updates and wishes from small vocabularies, so that they meet often."""

from collections.abc import Callable

from hypothesis import strategies as st

from shared.domain.install_patches import InstallPatches, LinuxParameters, WindowsParameters
from shared.domain.machine import Machine, MachineType, OsType
from shared.domain.scope import Filter, Scope, TagOperator
from shared.domain.updates import CLASSIFICATIONS, Update

SUBSCRIPTIONS = ("s1", "S1", "s2")
GROUPS = ("web", "WEB", "db", "app")
LOCATIONS = ("japaneast", "Japan East", "uksouth", "eastus")
TAG_NAMES = ("env", "Team", "owner")
TAG_VALUES = ("prod", "Prod", "dev", "")
PACKAGES = ("app", "lib", "lib.x86_64", "base:amd64", "base", "kernel")
MASKS = ("app", "lib", "lib.*", "base:amd64", "ba*", "k?rnel", "*", "[al]*", "lib=1*", "ghost")
KBS = ("1", "KB1", "2", "3")


def _spelled(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from([text, text.lower(), text.upper()])


def terms(names: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    """Lists of names, some behind `!`."""
    term = st.builds(
        lambda mark, name: mark + name,
        st.sampled_from(["", "", "!"]),
        st.sampled_from(names).flatmap(_spelled),
    )
    return st.lists(term, max_size=3).map(tuple)


def tags() -> st.SearchStrategy[dict[str, tuple[str, ...]]]:
    """Tags of a filter, wanted and excluded."""
    values = st.lists(st.sampled_from(TAG_VALUES), min_size=1, max_size=2).map(tuple)
    return st.dictionaries(
        st.sampled_from([*TAG_NAMES, *(f"!{name}" for name in TAG_NAMES)]), values, max_size=3
    )


filters = st.builds(
    Filter,
    resource_types=terms(tuple(MachineType)),
    resource_groups=terms(GROUPS),
    locations=terms(LOCATIONS),
    os_types=terms(tuple(OsType)),
    tags=tags(),
    tag_operator=st.sampled_from(TagOperator),
)

scopes = st.builds(
    Scope,
    assignment_id=st.just("a1"),
    subscription=st.sampled_from(SUBSCRIPTIONS),
    resource_group=st.none() | st.sampled_from(GROUPS),
    filter=filters,
)

machines = st.builds(
    Machine,
    id=st.just("/machines/m1"),
    type=st.sampled_from(MachineType),
    subscription=st.sampled_from(SUBSCRIPTIONS),
    resource_group=st.sampled_from(GROUPS),
    location=st.sampled_from(LOCATIONS),
    os_type=st.none() | st.sampled_from(OsType),
    tags=st.dictionaries(st.sampled_from(TAG_NAMES), st.sampled_from(TAG_VALUES)),
)

updates = st.lists(
    st.builds(
        Update,
        name=st.sampled_from(PACKAGES),
        version=st.none() | st.sampled_from(["1.0", "2.0"]),
        kb=st.none() | st.sampled_from(KBS),
        classification=st.sampled_from(["Critical", "security", "Other", "Tools", "?"]),
        reboot_behavior=st.none() | st.sampled_from(["NeverReboots", "CanRequestReboot"]),
        dependencies=st.lists(st.sampled_from([*PACKAGES, "ghost"]), max_size=2).map(tuple),
    ),
    max_size=8,
)


def _some(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=2).map(tuple)


def _classifications(os_type: OsType) -> st.SearchStrategy[tuple[str, ...]]:
    return _some(CLASSIFICATIONS[os_type])


wishes = st.builds(
    InstallPatches,
    windows=st.none()
    | st.builds(
        WindowsParameters,
        classifications=_classifications(OsType.WINDOWS),
        kbs_to_include=_some(KBS),
        kbs_to_exclude=_some(KBS),
        exclude_kbs_requiring_reboot=st.booleans(),
    ),
    linux=st.none()
    | st.builds(
        LinuxParameters,
        classifications=_classifications(OsType.LINUX),
        masks_to_include=_some(MASKS),
        masks_to_exclude=_some(MASKS),
    ),
)


def _nested(
    inner: st.SearchStrategy[object],
) -> st.SearchStrategy[list[object] | dict[str, object]]:
    return st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)


# What a body may hold where a field is expected; texts lean towards the signs that mean something.
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | st.text(alphabet="!=*?[]- kbKB019\x00\ud800", max_size=12),
    _nested,
    max_leaves=8,
)

Parser = Callable[[object], object]
