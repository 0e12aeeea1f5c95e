"""The checker as a command, over real storage and the local Azure's own log."""

from datetime import timedelta

import pytest

from localhost.check.run import CheckOptions, run_check
from shared import bootstrap
from shared.adapters.clock import SystemClock
from shared.domain.records import RunId
from tests.integration.app import running

RUNS = "/providers/Microsoft.Maintenance/applyUpdates"


async def test_live_system_holds_until_something_is_taken_from_it(
    fresh_azurite: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(fresh_azurite, machines=12, now=SystemClock().now()) as app:
        await app.configure()
        _, started = await app.call("PUT", f"{app.configuration_id}{RUNS}/default")
        await app.finish(f"{app.configuration_id}{RUNS}/{started['name']}")
        assert await run_check(CheckOptions()) is True
        told = capsys.readouterr().out
        installs = len(app.azure.calls.installs())
        assert f"{installs} installs since" in told
        assert f"installs and their jobs{installs:>25}" in told
        services = await bootstrap.services()
        run = await services.runs.get(
            RunId(configuration_id=app.configuration_id, key=started["name"])
        )
        assert run
        await services.runs.remove(run)
        assert await run_check(CheckOptions(settle=timedelta(0))) is False
        assert f"Broken: {installs} times." in capsys.readouterr().out
