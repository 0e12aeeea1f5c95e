"""What servers on premises say of their installs, and which jobs that is the whole truth of."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from localhost.check.machine_log import MachineLog
from localhost.check.server_log import MOVED_CLOCK, of_servers
from shared.adapters.patching.servers.sessions import ServerSessions
from shared.adapters.ssh.connections import SshConnections
from shared.application.callers import LOCAL
from shared.application.evidence import read_stored
from shared.application.invariants import examine
from shared.application.servers import delete_server, put_server
from shared.application.start_job import client_request_id
from shared.domain.machine import MachineType
from shared.domain.run import Outcome
from shared.domain.server import Server
from shared.errors import UnavailableError
from tests.builders import CONFIGURATION, WINDOW_OPENS, a_machine, a_server, a_state
from tests.drill import MINUTE, Drill

SERVER = a_machine("db-1", machine_type=MachineType.SERVER)
STRANGER = "99999999-9999-5999-9999-999999999999"
NOW = WINDOW_OPENS + 30 * MINUTE


class Servers:
    """Connections to servers that all list the same tasks, each with its age; or that refuse."""

    def __init__(self, tasks: Mapping[str, timedelta], *, refusal: Exception | None = None) -> None:
        self._tasks = tasks
        self._refusal = refusal

    @asynccontextmanager
    async def to(self, _server: Server) -> AsyncIterator["Servers"]:
        if self._refusal:
            raise self._refusal
        yield self

    async def run(self, _script: str, _data: bytes, **_limits: object) -> bytes:
        ages = {key: round(age.total_seconds()) for key, age in self._tasks.items()}
        frames = (
            f"task {key}\nmade 0\nbegan {900_000 - age} boot {800_000 - age}\nend\n"
            for key, age in ages.items()
        )
        return f"now 900000 boot 800000\n{''.join(frames)}".encode()


async def patched() -> Drill:
    """A server and a VM that were patched, half an hour ago."""
    drill = Drill([a_state(SERVER, enabled=True), a_state()])
    drill.services = replace(drill.services, patching=drill.fleet, inventory=drill.fleet)
    await drill.configure()
    drill.clock.instant = WINDOW_OPENS - MINUTE
    await drill.run_until(NOW)
    await register(drill)
    return drill


async def register(drill: Drill, **properties: object) -> None:
    """Put the server into the registry; *properties* replace members of its document."""
    await put_server(drill.services, SERVER.id, document=a_server(**properties), caller=LOCAL)


def tasks_of(drill: Drill) -> dict[str, timedelta]:
    """The installs of the server, as it lists them."""
    return {
        one.order.client_request_id: drill.clock.now() - one.at
        for one in drill.fleet.installs
        if one.order.machine == SERVER
    }


async def log_of(drill: Drill, servers: Servers, **more: timedelta) -> MachineLog:
    log = await asked(drill, servers, **more)
    assert log
    return log


async def asked(drill: Drill, servers: Servers, **more: timedelta) -> MachineLog | None:
    connections = cast(SshConnections, servers)
    sessions = ServerSessions(drill.services.servers, connections, drill.clock)
    stored = await read_stored(drill.services)
    return await of_servers(drill.services, stored, sessions=sessions, **more)


async def faults(drill: Drill, log: MachineLog) -> list[str]:
    """What breaks an invariant where Azure's machines are looked at apart."""
    vms = [one for one in drill.evidence().installs if one.machine_id != SERVER.id]
    azure = MachineLog(source="", installs=vms, covers=lambda _: False)
    verdict = await examine(drill.services, azure.beside(log).evidence())
    return [one.message for one in verdict.violations]


async def test_installs_of_a_server_are_matched_with_its_jobs() -> None:
    drill = await patched()
    log = await log_of(drill, Servers(tasks_of(drill)))
    (install,) = log.installs
    assert (install.machine_id, install.at) == (SERVER.id, drill.fleet.installs[0].at)
    assert log.source == "1 servers on premises, 1 installs of 29 days"
    assert [log.covers(job) for job in await drill.jobs() if job.machine_id == SERVER.id] == [True]
    assert await faults(drill, log) == []


async def test_folder_that_no_job_of_the_server_means_is_none_of_its_installs() -> None:
    drill = await patched()
    vms = next(one for one in drill.fleet.installs if one.order.machine != SERVER)
    copied = {STRANGER: MINUTE, vms.order.client_request_id: MINUTE, "assess-apt": MINUTE}
    log = await log_of(drill, Servers(tasks_of(drill) | copied))
    assert [one.machine_id for one in log.installs] == [SERVER.id]
    assert await faults(drill, log) == []


@pytest.mark.parametrize("off", [timedelta(minutes=-2), timedelta(minutes=2)])
async def test_clocks_that_are_a_little_apart_are_no_fault(off: timedelta) -> None:
    drill = await patched()
    ((request, age),) = tasks_of(drill).items()
    log = await log_of(drill, Servers({request: age + off}))
    assert [one.at for one in log.installs] == [drill.fleet.installs[0].at]


async def test_install_before_the_window_is_found() -> None:
    drill = await patched()
    log = await log_of(drill, Servers({one: timedelta(hours=2) for one in tasks_of(drill)}))
    (fault,) = await faults(drill, log)
    assert fault.startswith(f"installed at {NOW - timedelta(hours=2)}")


async def test_where_time_was_moved_an_install_counts_as_of_its_request() -> None:
    drill = await patched()
    servers = Servers({one: timedelta(hours=2) for one in tasks_of(drill)})
    log = await log_of(drill, servers, apart=MOVED_CLOCK)
    assert await faults(drill, log) == []


async def test_install_of_a_job_that_never_asked_for_one_is_found() -> None:
    drill = Drill([a_state(SERVER, enabled=False)])
    drill.services = replace(drill.services, patching=drill.fleet, inventory=drill.fleet)
    await drill.configure()
    await drill.run_until(NOW)
    await register(drill)
    (run,), (job,) = await drill.runs(), await drill.jobs()
    assert (job.outcome, job.starting_at) == (Outcome.SKIPPED, None)
    log = await log_of(drill, Servers({client_request_id(run.id, job.key): MINUTE}))
    assert await faults(drill, log) == ["Skipped, but it was installed."]


async def test_spellings_of_one_server_are_one_server() -> None:
    drill = await patched()
    static = {"location": "x", "properties": {"maintenanceConfigurationId": CONFIGURATION}}
    await drill.attach(SERVER.id.upper(), "by-hand", static)
    await drill.run_until(NOW + timedelta(days=1), step=5 * MINUTE)
    log = await log_of(drill, Servers(tasks_of(drill)))
    assert log.source == "1 servers on premises, 2 installs of 29 days"
    assert await faults(drill, log) == []


async def test_install_that_is_gone_is_missed_if_an_older_one_is_there() -> None:
    drill = await patched()
    first = tasks_of(drill)
    await drill.run_until(WINDOW_OPENS + timedelta(days=1, minutes=30), step=5 * MINUTE)
    second = [one for one in tasks_of(drill) if one not in first]
    assert second
    kept = {one: age for one, age in tasks_of(drill).items() if one in first}
    log = await log_of(drill, Servers(kept))
    assert await faults(drill, log) == ["Succeeded, but nothing was installed."]


async def test_nothing_is_known_of_a_server_that_was_set_up_anew() -> None:
    drill = await patched()
    log = await log_of(drill, Servers({}))
    assert not any(log.covers(job) for job in await drill.jobs())
    assert await faults(drill, log) == []


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        pytest.param(
            {"hostKey": None, "trustOnFirstUse": True}, "Its host key is not known.", id="no key"
        ),
        pytest.param({"enabled": False}, "it is disabled", id="disabled"),
    ],
)
async def test_server_that_must_not_be_asked_is_not(
    properties: dict[str, object], why: str
) -> None:
    drill = await patched()
    await register(drill, **properties)
    before = await drill.services.servers.get(SERVER.id)
    log = await log_of(drill, Servers(tasks_of(drill)))
    assert log.source == f"0 servers on premises, 0 installs of 29 days; not asked: db-1 ({why})"
    assert not any(log.covers(job) for job in await drill.jobs())
    assert await drill.services.servers.get(SERVER.id) == before


@pytest.mark.parametrize(
    ("refusal", "why"),
    [(UnavailableError("no route"), "no route"), (TimeoutError(), "it took too long")],
)
async def test_server_that_does_not_answer_is_named_and_proves_nothing(
    refusal: Exception, why: str
) -> None:
    drill = await patched()
    log = await log_of(drill, Servers({}, refusal=refusal))
    assert log.source == f"0 servers on premises, 0 installs of 29 days; not asked: db-1 ({why})"
    assert not any(log.covers(job) for job in await drill.jobs())


async def test_server_that_was_removed_is_named() -> None:
    drill = await patched()
    await delete_server(drill.services, SERVER.id, caller=LOCAL)
    log = await log_of(drill, Servers(tasks_of(drill)))
    assert log.source.endswith("not asked: db-1 (it is not registered any more)")


async def test_without_jobs_of_servers_there_is_no_log() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    await drill.run_until(WINDOW_OPENS + 15 * MINUTE)
    assert await asked(drill, Servers({})) is None


async def test_jobs_whose_folders_may_be_swept_by_now_ask_nobody() -> None:
    drill = await patched()
    drill.clock.instant += timedelta(days=30)
    assert await asked(drill, Servers({})) is None
