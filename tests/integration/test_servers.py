"""Servers on premises in the whole app: registered over HTTP, found by a scope among Azure's machines, and removed."""

from typing import Any

from localhost.azure.faults import Faults
from tests.builders import WINDOW_OPENS, a_scope, a_server
from tests.integration.app import App, running

STATIC = "providers/Microsoft.Maintenance/configurationAssignments/one"


async def registered(app: App, name: str, document: dict[str, Any]) -> str:
    """The id of a server that was not there before, in the group of the configuration."""
    group = app.configuration_id.split("/providers/")[0]
    server_id = f"{group}/providers/Muster.OnPremises/servers/{name}"
    status, created = await app.call("PUT", server_id, document)
    assert (status, created["id"]) == (201, server_id)
    return server_id


async def test_scope_finds_servers_beside_azures_machines(fresh_azurite: str) -> None:
    async with running(fresh_azurite, machines=5, faults=Faults()) as app:
        await app.configure()
        disabled = await registered(app, "db-1", a_server(enabled=False))
        gone = await registered(app, "db-2", a_server())
        assignment = a_scope(configuration_id=app.configuration_id)
        del assignment["properties"]["filter"]
        status, _ = await app.call("PUT", f"{gone}/{STATIC}", assignment)
        assert status == 201
        _, before = await app.call("POST", f"{app.configuration_id}/preview")
        ids = [one["id"] for one in before["value"]]
        assert ids == sorted(ids, key=str.lower)
        assert {disabled, gone} < set(ids)
        status, _ = await app.call("DELETE", gone)
        assert status == 200
        await app.skip_to(WINDOW_OPENS)
        run = await app.finish(app.run_path(WINDOW_OPENS))
        _, jobs = await app.call("GET", f"{run['id']}/jobs")
        told = {one["properties"]["resourceId"]: one["properties"] for one in jobs["value"]}
        assert set(told) == set(ids)
        ended = {one: (told[one]["outcome"], told[one]["reason"]) for one in (disabled, gone)}
        assert ended == {
            disabled: ("Skipped", "Disabled"),
            gone: ("Skipped", "MachineGone"),
        }
        assert run["properties"]["counts"]["succeeded"] > 0
        assert await app.broken() == []
