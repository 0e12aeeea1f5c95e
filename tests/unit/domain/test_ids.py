"""Resource ids: what is one, what it consists of, and which strings must never become one."""

import pytest

from shared.domain.ids import ResourceId, id_key
from shared.errors import InvalidRequestError

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
ROOT = f"/subscriptions/{SUBSCRIPTION}"
GROUP = f"{ROOT}/resourceGroups/Web-Rg"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm1"


@pytest.mark.parametrize(
    ("text", "group", "kind", "name"),
    [
        pytest.param(ROOT, "", "", "", id="subscription"),
        pytest.param(GROUP, "Web-Rg", "", "", id="resource group"),
        pytest.param(VM, "Web-Rg", "Microsoft.Compute/virtualMachines", "vm1", id="resource"),
        pytest.param(
            f"{ROOT}/providers/Microsoft.Maintenance/configurationAssignments/a1",
            "",
            "Microsoft.Maintenance/configurationAssignments",
            "a1",
            id="resource of a subscription",
        ),
        pytest.param(
            f"{VM}/extensions/agent",
            "Web-Rg",
            "Microsoft.Compute/virtualMachines/extensions",
            "agent",
            id="child resource",
        ),
        pytest.param(
            f"{VM}/providers/Microsoft.Maintenance/configurationAssignments/a1",
            "Web-Rg",
            "Microsoft.Maintenance/configurationAssignments",
            "a1",
            id="extension resource",
        ),
        pytest.param(
            f"{GROUP}/providers/Microsoft.Compute/virtualMachines/providers",
            "Web-Rg",
            "Microsoft.Compute/virtualMachines",
            "providers",
            id="resource that is called providers",
        ),
    ],
)
def test_id_splits_into_its_parts(text: str, group: str, kind: str, name: str) -> None:
    parsed = ResourceId.parse(text)

    assert (parsed.text, parsed.subscription) == (text, SUBSCRIPTION)
    assert (parsed.resource_group, parsed.type, parsed.name) == (group, kind, name)


def test_spellings_of_one_id_have_one_key_and_keep_their_spelling() -> None:
    shouted = ResourceId.parse(VM.upper())

    assert shouted.key == ResourceId.parse(VM).key == VM.lower()
    assert shouted.text == VM.upper()


def test_slash_at_the_end_is_not_part_of_an_id() -> None:
    assert ResourceId.parse(f"{VM}/").text == VM
    assert id_key(f"{VM}/") == id_key(VM.upper()) == ResourceId.parse(VM).key


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("/", id="slash alone"),
        pytest.param("/subscriptions", id="no subscription"),
        pytest.param(ROOT[1:], id="no slash at the start"),
        pytest.param(f"https://management.azure.com{ROOT}", id="url"),
        pytest.param("/subscriptions/production", id="subscription that is no guid"),
        pytest.param(f"/subscriptions/{SUBSCRIPTION}0", id="guid with one digit too many"),
        pytest.param(f"{ROOT}/resourceGroups", id="group without a name"),
        pytest.param(f"{ROOT}/resourceGroups/ /providers/A/b/c", id="blank group"),
        pytest.param(f"{ROOT}//providers/A/b/c", id="empty segment"),
        pytest.param(f"{ROOT}/machines/vm1", id="neither group nor provider"),
        pytest.param(f"{GROUP}/providers/Microsoft.Compute", id="provider alone"),
        pytest.param(f"{GROUP}/providers/Microsoft.Compute/virtualMachines", id="type alone"),
        pytest.param(f"{VM}/extensions", id="child without a name"),
        pytest.param(f"{VM}/providers/A/b", id="extension without a name"),
        pytest.param(f"{GROUP}/providers/A/providers/B/c/d", id="provider without a resource"),
        pytest.param(f"{GROUP}/providers/A/b/..", id="climbs in a url"),
        pytest.param(f"{GROUP}/providers/A/./c", id="dot in a url"),
        pytest.param(f"{VM}?api-version=1", id="query"),
        pytest.param(f"{VM}#part", id="fragment"),
        pytest.param(f"{GROUP}/providers/A/b/%2e%2e", id="escape"),
        pytest.param(f"{VM}\\x", id="backslash"),
        pytest.param(f"{VM}\n", id="line break"),
        pytest.param(f"{VM}\x00", id="nul"),
        pytest.param(f"{VM}\x85", id="control character beyond ascii"),
        pytest.param(f"{VM}\ud800", id="half of a surrogate pair"),
        pytest.param(f"{VM}{'x' * 450}", id="too long for a key"),
    ],
)
def test_what_is_no_id_is_refused_and_named(text: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        ResourceId.parse(text, target="properties.maintenanceConfigurationId")

    assert refusal.value.target == "properties.maintenanceConfigurationId"
