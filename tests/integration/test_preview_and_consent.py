"""From the preview to the patch: a VM that had not consented is shown, assessed, asked, and patched by the next run."""

from localhost.azure.faults import Faults
from tests.builders import WINDOW_OPENS
from tests.integration.app import App, running


async def unconsented(app: App) -> str:
    """The id of a VM that would be patched if it had consented."""
    status, found = await app.call("POST", f"{app.configuration_id}/preview")
    assert status == 200
    told = {one["id"]: one["properties"] for one in found["value"]}
    assert found["machineCount"] == len(told)
    without = {one for one in told if told[one].get("reason") == "PrerequisitesNotMet"}
    return next(
        machine.id
        for machine in app.azure.fleet.machines()
        if machine.id in without and machine.reachable and not machine.failing
    )


async def test_consent_leads_to_a_patched_machine(fresh_azurite: str) -> None:
    async with running(fresh_azurite, faults=Faults()) as app:
        await app.configure()
        vm = await unconsented(app)
        muster = f"{app.configuration_id.split('/resourceGroups')[0]}/providers/Muster.Maintenance"
        _, assessed = await app.call("POST", f"{muster}/assess", {"machines": [vm]})
        assert [one["answer"] for one in assessed["value"]] == ["Accepted"]
        _, given = await app.call("POST", f"{muster}/consent", {"machines": [vm]})
        assert [one["answer"] for one in given["value"]] == ["Accepted"]
        await app.skip_to(WINDOW_OPENS)
        status, assessment = await app.call("GET", f"{vm}/providers/Muster.Maintenance/assessment")
        assert (status, assessment["properties"]["requestedBy"]) == (200, "local")
        _, pending = await app.call("GET", f"{vm}/providers/Microsoft.Maintenance/updates")
        assert [one["status"] for one in pending["value"]] == ["Pending"]
        _, foretold = await app.call("POST", f"{app.configuration_id}/preview")
        (machine,) = (one["properties"] for one in foretold["value"] if one["id"] == vm)
        assert machine["willBePatched"] is True
        expected = {one["name"] for one in machine["updates"]}
        run = await app.finish(app.run_path(WINDOW_OPENS))
        _, jobs = await app.call("GET", f"{run['id']}/jobs?$top=1000")
        (job,) = (one for one in jobs["value"] if one["properties"]["resourceId"] == vm)
        _, updates = await app.call("GET", f"{job['id']}/updates")
        installed = {
            one["name"] for one in updates["value"] if one["installationState"] == "Installed"
        }
        assert installed == expected
        assert await app.broken() == []
