"""Whatever a body holds where a field is expected is read or refused, and never anything else."""

from functools import partial

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from shared.domain.install_patches import (
    LONGEST_MASK,
    InstallPatches,
    LinuxParameters,
    parse_classifications,
    parse_kbs,
    parse_masks,
    parse_reboot_setting,
)
from shared.domain.machine import OsType
from shared.domain.scope import (
    Filter,
    parse_locations,
    parse_os_types,
    parse_resource_groups,
    parse_resource_types,
    parse_tag_operator,
    parse_tags,
)
from shared.domain.selection import select
from shared.domain.updates import Update
from shared.errors import InvalidRequestError
from tests.property.strategies_scope import Parser, json_values

PARSERS: dict[str, Parser] = {
    "resource types": parse_resource_types,
    "resource groups": parse_resource_groups,
    "locations": parse_locations,
    "systems": parse_os_types,
    "tags": parse_tags,
    "operator": parse_tag_operator,
    "reboot setting": parse_reboot_setting,
    "classifications": lambda value: parse_classifications(value, OsType.WINDOWS),
    "kbs": partial(parse_kbs, target="kbNumbersToInclude"),
    "masks": partial(parse_masks, target="packageNameMasksToInclude"),
}


def refusal_of(parse: Parser, value: object) -> InvalidRequestError | None:
    try:
        parse(value)
    except InvalidRequestError as refusal:
        return refusal
    return None


@pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS.keys())
@given(value=json_values)
def test_any_value_is_read_or_refused_with_its_target(parse: Parser, value: object) -> None:
    refused = refusal_of(parse, value)

    assert refused is None or (refused.target and len(refused.message) < 1000)


@given(st.lists(st.text(max_size=6), max_size=3), st.dictionaries(st.text(), st.lists(st.text())))
def test_what_the_parsers_read_is_a_filter(names: list[str], tags: dict[str, list[str]]) -> None:
    try:
        read = parse_resource_groups(names), parse_locations(names), parse_tags(tags)
    except InvalidRequestError:
        assume(False)

    sent = Filter(resource_groups=read[0], locations=read[1], tags=read[2])
    assert (sent.resource_groups, sent.tags) == (tuple(names), read[2])


@given(
    st.text(alphabet="ab*?[]!-^&|~.\\+(){}$:", min_size=1, max_size=LONGEST_MASK),
    st.text(alphabet="ab.-", min_size=1, max_size=40),
)
@example("*a" * (LONGEST_MASK // 2), "a" * 40)
@example("[[a--b&&c||d~~e]*", "a")
def test_any_mask_is_answered(mask: str, name: str) -> None:
    wish = InstallPatches(linux=LinuxParameters(masks_to_include=(mask,)))
    update = Update(name=name, classification="Other")

    found = select([update], wish, os_type=OsType.LINUX)

    assert len(found.selected) + len(found.not_selected) == 1
