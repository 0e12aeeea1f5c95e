"""An install on a real server, from finding out what it lacks to the report: real SSH, real package managers."""

import pytest

from shared.application.ports import Accepted
from shared.domain.machine import MachineType
from shared.domain.updates import UpdateState
from tests.builders import SERVER
from tests.integration.servers.patched import an_order, named, patched
from tests.servers.server import ThrowAwayServer

# What takes no end, fails, or wants to restart is left to the tests that are about it.
TROUBLE = ("slow", "failing", "fails-*", "stuck", "greedy", "kernel*")


@pytest.mark.parametrize(
    ("server", "installed"),
    [
        pytest.param(
            "apt",
            {
                "webd": "2.4-2",
                "twice": "2.0",
                "torn": "2.0",
                "app": "2.0",
                "odd": "1:1.0+dfsg-1~deb12u1+b1",
                "both": "1.1",
            },
            id="apt",
        ),
        pytest.param(
            "dnf",
            {
                "grave.noarch": "1.0.1-1",
                "weighty.noarch": "2.0-1",
                "layered.noarch": "1.1-1",
                "deep.noarch": "1.9-1",
                "libfoo.noarch": "2.0-1",
                "held.noarch": "2.0-1",
            },
            id="dnf",
        ),
        pytest.param(
            "zypper",
            {
                "grave.noarch": "1.0.1-1",
                "weighty.noarch": "2.0-1",
                "layered.noarch": "1.2-1",
                "deep.noarch": "1.10-1",
                "libfoo.noarch": "2.0-1",
                "held.noarch": "2.0-1",
            },
            id="zypper",
        ),
    ],
    indirect=["server"],
)
async def test_security_updates_are_installed_and_found(
    server: ThrowAwayServer, installed: dict[str, str]
) -> None:
    order = an_order(masks_to_exclude=TROUBLE)
    async with patched(server) as there:
        state = await there.patching.inspect(SERVER, MachineType.SERVER)
        assert state
        assert (state.enabled, state.host_key_changed) == (True, None)
        await there.prepared(order)
        reply = await there.patching.install(order)
        assert reply == Accepted(
            operation=order.client_request_id, activity_id=order.client_request_id
        )
        report = await there.report()
        assert (report.status, report.error) == ("Succeeded", "")
        assert named(report, UpdateState.INSTALLED) == installed
        assert not named(report, UpdateState.FAILED)
        excluded = named(report, UpdateState.EXCLUDED)
        assert {"slow"} <= {name.removesuffix(".noarch") for name in excluded}
        assert named(report, UpdateState.NOT_SELECTED)
