"""A preview that has old assessments made anew, through Azure to Table Storage and back into the next preview."""

from datetime import timedelta
from typing import Any

from localhost.azure.faults import Faults
from tests.builders import DAY_BEFORE
from tests.integration.app import App, running

HOUR = timedelta(hours=1)


async def preview(app: App, body: Any = None) -> dict[str, dict[str, Any]]:
    """What is told of each machine, by its id."""
    status, found = await app.call("POST", f"{app.configuration_id}/preview", body)
    assert status == 200
    return {one["id"]: one["properties"] for one in found["value"]}


def assessed(app: App) -> list[str]:
    """The machines that Azure was asked to assess, by its own log."""
    return [str(call.machine) for call in app.azure.calls.all() if call.operation == "assess"]


async def test_old_assessments_are_made_anew_once_and_used_by_the_next_preview(
    fresh_azurite: str,
) -> None:
    async with running(fresh_azurite, machines=20, faults=Faults()) as app:
        await app.configure()
        before = await preview(app)
        app.azure.fleet.change(next(iter(before)), reachable=False)
        assert {one["assessedTime"] for one in before.values()} == {f"{DAY_BEFORE:%FT%TZ}"}
        app.clock.advance_to(DAY_BEFORE + 2 * HOUR)
        assert assessed(app) == []
        asked = await preview(app, {"assessmentAge": "PT1H"})
        reachable = {
            one.id for one in app.azure.fleet.machines() if one.id in asked and one.reachable
        }
        pending = {key for key, one in asked.items() if "assessmentRequest" in one}
        assert pending == reachable < set(asked)
        await preview(app, {"assessmentAge": "PT1H"})
        assert sorted(assessed(app)) == sorted(reachable)
        app.clock.advance_to(DAY_BEFORE + 2 * HOUR + timedelta(minutes=10))
        after = await preview(app, {"assessmentAge": "PT1H"})
        assert len(assessed(app)) == len(reachable)
        for machine_id in reachable:
            assert after[machine_id]["assessedTime"] > before[machine_id]["assessedTime"]
            assert "assessmentRequest" not in after[machine_id]
            lacking = after[machine_id]["updates"] + after[machine_id]["leftOut"]
            machine = app.azure.fleet.get(machine_id)
            assert machine
            assert len(lacking) == len(machine.missing)
