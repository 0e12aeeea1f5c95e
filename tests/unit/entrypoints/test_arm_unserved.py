"""Operations of Azure's that make no sense here: true, empty lists, and sentences that say why."""

import pytest

from tests.builders import GROUP, SUBSCRIPTION, a_machine
from tests.unit.entrypoints.arm_client import ArmClient, assert_arm_error

PROVIDER = "/providers/Microsoft.Maintenance"
PUBLIC = f"/subscriptions/{SUBSCRIPTION}{PROVIDER}/publicMaintenanceConfigurations"
NESTED = (
    f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/web/virtualMachines/0{PROVIDER}"
)


async def test_public_configurations_are_none(client: ArmClient) -> None:
    assert (await client.get(PUBLIC)).json == {"value": []}
    error = assert_arm_error(await client.get(f"{PUBLIC}/SQL_Default"), 404, "ResourceNotFound")
    assert "SQL_Default" in error["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{a_machine().id}{PROVIDER}/scheduledevents"),
        ("POST", f"{a_machine().id}{PROVIDER}/scheduledevents/1-2-3/acknowledge"),
        ("GET", f"{NESTED}/configurationAssignments"),
        ("GET", f"{NESTED}/configurationAssignments/x"),
        ("PUT", f"{NESTED}/configurationAssignments/x"),
        ("DELETE", f"{NESTED}/configurationAssignments/x"),
        ("PUT", f"{NESTED}/applyUpdates/default"),
        ("GET", f"{NESTED}/applyUpdates/x"),
        ("GET", f"{NESTED}/updates"),
    ],
)
async def test_what_makes_no_sense_here_says_so(client: ArmClient, method: str, path: str) -> None:
    error = assert_arm_error(await client.send(method, path), 501, "NotImplemented")
    assert len(error["message"]) > 50
