"""Servers on premises in a run, from their registration to the end of their jobs; none can be reached here."""

import logging
from datetime import timedelta
from typing import Any

import pytest

from shared.application.ask_machines import assess_machines, give_consent
from shared.application.callers import LOCAL, Caller, Role
from shared.application.choose_machines import Choice
from shared.application.configurations import put_configuration
from shared.application.ports import RequestAnswer, StoredServer
from shared.application.preview_configuration import preview_configuration
from shared.application.servers import (
    delete_server,
    get_server,
    list_servers,
    put_server,
    registered,
    trusting,
)
from shared.domain.machine import MachineType
from shared.domain.records import Job
from shared.domain.run import Outcome, Phase, Reason
from shared.errors import ForbiddenError
from tests.builders import (
    CONFIGURATION,
    GROUP,
    HOST_KEY,
    SERVER,
    SUBSCRIPTION,
    WINDOW_OPENS,
    a_configuration,
    a_scope,
    a_server,
    a_state,
)
from tests.drill import MINUTE, Drill

CLOSES = WINDOW_OPENS + timedelta(hours=3)
STEP = 10 * MINUTE
STATIC = {"properties": {"maintenanceConfigurationId": CONFIGURATION}}
WHOLE = f"/subscriptions/{SUBSCRIPTION}"


async def drill_with(*, hangs_on: str = SERVER, **properties: Any) -> Drill:
    """A configuration, and a server that a static assignment or a dynamic scope gives to it."""
    drill = Drill([])
    await put_configuration(drill.services, CONFIGURATION, document=a_configuration(), caller=LOCAL)
    await register(drill, **properties)
    await drill.attach(hangs_on, "one", STATIC if hangs_on == SERVER else a_scope())
    return drill


async def register(drill: Drill, **properties: Any) -> None:
    await put_server(drill.services, SERVER, document=a_server(**properties), caller=LOCAL)


async def job_of(drill: Drill) -> Job:
    (job,) = await drill.jobs()
    assert (job.machine_id, job.machine_type) == (SERVER, MachineType.SERVER)
    return job


@pytest.mark.parametrize("hangs_on", [SERVER, WHOLE, GROUP], ids=["itself", "all", "its group"])
async def test_disabled_server_is_skipped(hangs_on: str) -> None:
    drill = await drill_with(enabled=False, hangs_on=hangs_on)
    await drill.run_until(WINDOW_OPENS + 2 * STEP, step=STEP)
    job = await job_of(drill)
    assert (job.outcome, job.reason) == (Outcome.SKIPPED, Reason.DISABLED)
    assert "enable it" in job.message
    assert await drill.broken() == []


async def test_server_that_is_gone_is_skipped_though_its_assignment_stays() -> None:
    drill = await drill_with()
    removed = await delete_server(drill.services, SERVER, caller=LOCAL)
    assert removed
    assert removed.id == SERVER
    assert [one.name async for one in drill.services.assignments.list(SERVER)] == ["one"]
    await drill.run_until(WINDOW_OPENS + 2 * STEP, step=STEP)
    job = await job_of(drill)
    assert (job.outcome, job.reason) == (Outcome.SKIPPED, Reason.MACHINE_GONE)
    assert await drill.broken() == []


@pytest.mark.parametrize("hangs_on", [SERVER, WHOLE], ids=["itself", "all"])
async def test_enabled_server_waits_to_the_cut_off_and_says_why(hangs_on: str) -> None:
    drill = await drill_with(hangs_on=hangs_on)
    await drill.run_until(WINDOW_OPENS + STEP, step=STEP)
    waiting = await job_of(drill)
    assert (waiting.phase, waiting.held_by) == (Phase.QUEUED, Reason.OUTAGE)
    assert waiting.held_message == "There are no private keys in memory."
    await drill.run_until(CLOSES + 2 * MINUTE, step=STEP)
    job = await job_of(drill)
    assert (job.outcome, job.reason) == (Outcome.TIMED_OUT, Reason.OUTAGE)
    assert "There are no private keys in memory." in job.message
    assert await drill.broken() == []


async def test_server_that_is_disabled_in_its_window_is_left_alone() -> None:
    drill = await drill_with()
    await drill.run_until(WINDOW_OPENS + STEP, step=STEP)
    await register(drill, enabled=False)
    await drill.run_until(WINDOW_OPENS + 3 * STEP, step=STEP)
    assert (await job_of(drill)).reason is Reason.DISABLED


async def test_one_server_stops_no_machine_of_azure() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    await register(drill, enabled=False)
    await drill.run_until(WINDOW_OPENS + 2 * STEP, step=STEP)
    outcomes = {job.machine_type: job.outcome for job in await drill.jobs()}
    assert outcomes == {
        MachineType.AZURE_VM: Outcome.SUCCEEDED,
        MachineType.SERVER: Outcome.SKIPPED,
    }
    assert await drill.broken() == []


async def test_preview_shows_servers_and_why_they_are_left_out() -> None:
    drill = await drill_with(enabled=False, hangs_on=WHOLE)
    preview = await preview_configuration(
        drill.services, CONFIGURATION, body={}, caller=LOCAL, limit=10, after=""
    )
    (machine,) = preview.machines
    assert machine.refusal
    assert (machine.machine.id, machine.refusal.reason) == (SERVER, Reason.DISABLED)


async def test_nothing_is_asked_of_a_server() -> None:
    for enabled, answers in (
        (True, (RequestAnswer.TRY_AGAIN, RequestAnswer.TRY_AGAIN)),
        (False, (RequestAnswer.TRY_AGAIN, RequestAnswer.NOT_NEEDED)),
    ):
        drill = await drill_with(enabled=enabled)
        choice = Choice(subscription=SUBSCRIPTION, machines=(SERVER,))
        (assessed,) = await assess_machines(drill.services, choice, caller=LOCAL)
        (consented,) = await give_consent(drill.services, choice, caller=LOCAL)
        assert (assessed.answer, consented.answer) == answers
        assert assessed.message == "There are no private keys in memory."


# --- the registry itself -------------------------------------------------------------------------


async def test_readers_read_and_administrators_write() -> None:
    services = (await drill_with()).services
    reader = Caller(name="rita", role=Role.READER)
    operator = Caller(name="otto", role=Role.OPERATOR)
    assert (await get_server(services, SERVER, caller=reader)).id == SERVER
    assert [one.id for one in await list_servers(services, WHOLE, caller=reader)] == [SERVER]
    with pytest.raises(ForbiddenError):
        await put_server(services, SERVER, document=a_server(), caller=operator)
    with pytest.raises(ForbiddenError):
        await delete_server(services, SERVER, caller=operator)


async def test_changed_host_key_is_logged_with_who_changed_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    drill = await drill_with()
    drill.clock.instant += MINUTE
    await register(drill, port=23)
    assert "server.host_key_changed" not in caplog.text
    await register(drill, hostKey=HOST_KEY.replace("KZuYn", "KZuYo"))
    assert f"server.host_key_changed server={SERVER} by=local" in caplog.text


# --- a key that is trusted on first use ----------------------------------------------------------

TRUSTED = HOST_KEY.rpartition(" ")[0]


async def trusted(drill: Drill) -> StoredServer:
    """A server that named no key, after it showed one."""
    await register(drill, hostKey=None, trustOnFirstUse=True)
    stored = await drill.services.servers.get(SERVER)
    assert stored
    assert registered(stored).host_key is None
    shown = trusting(stored, TRUSTED, now=drill.clock.instant)
    return await drill.services.servers.replace(shown)


@pytest.mark.parametrize(
    ("properties", "key"),
    [
        pytest.param({"enabled": False}, TRUSTED, id="kept over another change"),
        pytest.param({"user": "root"}, TRUSTED, id="kept for another user of the same place"),
        pytest.param({"host": "db-2.example.com"}, None, id="lost with another host"),
        pytest.param({"port": 2222}, None, id="lost with another port"),
        pytest.param(
            {"hostKey": HOST_KEY.replace("KZuYn", "KZuYo"), "trustOnFirstUse": False},
            TRUSTED.replace("KZuYn", "KZuYo"),
            id="replaced by one that is named",
        ),
    ],
)
async def test_key_trusted_on_first_use_stays_as_long_as_it_is_meant(
    properties: dict[str, Any], key: str | None
) -> None:
    drill = Drill([])
    await trusted(drill)
    wanted = {"hostKey": None, "trustOnFirstUse": True, **properties}
    await register(drill, **wanted)
    stored = await drill.services.servers.get(SERVER)
    assert stored
    assert registered(stored).host_key == key


async def test_key_that_was_trusted_once_does_not_come_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    drill = Drill([])
    caplog.set_level(logging.INFO)
    stored = await trusted(drill)
    assert f"server.host_key_trusted server={SERVER}" in caplog.text
    assert stored.host_key_by == "the first connection"
    await register(drill, hostKey=HOST_KEY.replace("KZuYn", "KZuYo"))
    await register(drill, hostKey=None, trustOnFirstUse=True)
    again = await drill.services.servers.get(SERVER)
    assert again
    assert registered(again).host_key is None
