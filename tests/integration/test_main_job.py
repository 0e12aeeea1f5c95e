"""The main job through the real `function_app`: each way to start a run ends in a finished one with a true history.

The local Azure's lag is on, and a fifth of its replies are lost after it accepted.
"""

from datetime import timedelta

from azure.data.tables.aio import TableServiceClient

from shared.domain.run import Outcome
from tests.builders import WINDOW_OPENS
from tests.integration.app import running

RUNS = "/providers/Microsoft.Maintenance/applyUpdates"


async def test_timer_leads_to_a_finished_run(fresh_azurite: str) -> None:
    async with running(fresh_azurite) as app:
        await app.configure()
        await app.skip_to(WINDOW_OPENS)
        run = await app.finish(app.run_path(WINDOW_OPENS))
        assert sum(run["properties"]["counts"].values()) > 10
        assert any(call.status == "dropped" for call in app.azure.calls.installs())
        assert await app.broken() == []


async def test_http_on_demand_leads_to_a_finished_run(fresh_azurite: str) -> None:
    async with running(fresh_azurite) as app:
        await app.configure()
        status, started = await app.call("PUT", f"{app.configuration_id}{RUNS}/default")
        assert status == 200
        again, repeated = await app.call("PUT", f"{app.configuration_id}{RUNS}/default")
        assert (again, repeated["name"]) == (200, started["name"])
        run = await app.finish(f"{app.configuration_id}{RUNS}/{started['name']}")
        assert run["properties"]["counts"]["succeeded"] > 0
        assert await app.broken() == []


async def test_message_put_by_hand_leads_to_a_finished_run(fresh_azurite: str) -> None:
    async with running(fresh_azurite) as app:
        await app.configure()
        body = f'{{"v": 1, "configuration": "{app.configuration_id}", "requestId": "by hand"}}'
        for _ in range(2):
            await app.put_message("runs", body)
        await app.host.pump()
        status, listed = await app.call(
            "GET", f"{app.configuration_id.split('/providers')[0]}{RUNS}"
        )
        assert status == 200
        (run,) = listed["value"]
        await app.finish(f"{app.configuration_id}{RUNS}/{run['name']}")
        assert await app.broken() == []


async def test_what_a_user_reads_of_a_run_equals_its_rows(fresh_azurite: str) -> None:
    async with running(fresh_azurite) as app:
        await app.configure()
        await app.skip_to(WINDOW_OPENS)
        path = app.run_path(WINDOW_OPENS)
        counts = (await app.finish(path))["properties"]["counts"]
        _, failed = await app.call("GET", f"{path}/jobs?outcome={Outcome.SKIPPED}")
        assert len(failed["value"]) == counts["skipped"]
        _, succeeded = await app.call("GET", f"{path}/jobs?outcome={Outcome.SUCCEEDED}")
        key = succeeded["value"][0]["name"]
        _, updates = await app.call("GET", f"{path}/jobs/{key}/updates")
        assert "Installed" in {one["installationState"] for one in updates["value"]}


async def test_malformed_message_is_kept_and_stops_nothing(fresh_azurite: str) -> None:
    async with running(fresh_azurite) as app:
        await app.configure()
        await app.put_message("jobs", "no JSON")
        await app.put_message("runs", '{"v": 2, "run": "x"}')
        await app.skip_to(WINDOW_OPENS)
        await app.finish(app.run_path(WINDOW_OPENS))
        assert await app.broken() == []
        async with TableServiceClient.from_connection_string(fresh_azurite) as tables:
            kept = [row async for row in tables.get_table_client("Poisoned").list_entities()]
        assert {row["body"] for row in kept} == {"no JSON", '{"v": 2, "run": "x"}'}
        assert all("malformed" in row["reason"] for row in kept)


async def test_same_tick_twice_and_three_days_of_silence(fresh_azurite: str) -> None:
    async with running(fresh_azurite, machines=12) as app:
        await app.configure()
        for _ in range(2):
            await app.host.invoke("evaluate_schedules")
        later = WINDOW_OPENS + timedelta(days=2, minutes=20)
        await app.skip_to(later)
        for _ in range(2):
            await app.host.invoke("evaluate_schedules")
        await app.host.pump()
        await app.finish(app.run_path(WINDOW_OPENS + timedelta(days=2)))
        for missed in (WINDOW_OPENS, WINDOW_OPENS + timedelta(days=1)):
            _, run = await app.call("GET", app.run_path(missed))
            assert run["properties"]["status"] == "Missed"
        assert await app.broken() == []
