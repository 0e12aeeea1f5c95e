"""What servers on premises say of their installs, and which jobs that is the whole truth of."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from localhost.check.machine_log import MachineLog
from localhost.check.server_log import of_servers
from shared.adapters.patching.servers.sessions import ServerSessions
from shared.application.invariants import examine
from shared.domain.machine import MachineType
from shared.domain.server import Server
from shared.errors import UnavailableError
from tests.builders import WINDOW_OPENS, a_machine, a_state
from tests.drill import MINUTE, Drill
from tests.servers.reaching import registered

SERVER = a_machine("db-1", machine_type=MachineType.SERVER)
STRANGER = "99999999-9999-5999-9999-999999999999"
KNOWN = registered(port=22, host_key="ssh-ed25519 AAAA")


class Servers:
    """Registered servers that all list the same tasks, each with its age; or that refuse."""

    def __init__(
        self,
        tasks: Mapping[str, timedelta],
        *,
        server: Server | None = KNOWN,
        refusal: Exception | None = None,
    ) -> None:
        self._tasks = tasks
        self._server = server
        self._refusal = refusal

    async def find(self, _machine_id: str) -> Server | None:
        return self._server

    @asynccontextmanager
    async def open(self, _machine_id: str) -> AsyncIterator["Servers"]:
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
    await drill.run_until(WINDOW_OPENS + 30 * MINUTE)
    return drill


def tasks_of(drill: Drill) -> dict[str, timedelta]:
    """The installs of the server, as it lists them."""
    return {
        one.order.client_request_id: drill.clock.now() - one.at
        for one in drill.fleet.installs
        if one.order.machine == SERVER
    }


async def log_of(drill: Drill, servers: Servers, **more: bool) -> MachineLog:
    log = await of_servers(drill.services, cast(ServerSessions, servers), **more)
    assert log
    return log


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


async def test_install_before_the_window_is_found() -> None:
    drill = await patched()
    log = await log_of(drill, Servers({one: timedelta(hours=2) for one in tasks_of(drill)}))
    (fault,) = await faults(drill, log)
    assert fault.startswith(f"installed at {drill.clock.now() - timedelta(hours=2)}")


async def test_where_time_was_moved_an_install_counts_as_of_its_request() -> None:
    drill = await patched()
    servers = Servers({one: timedelta(hours=2) for one in tasks_of(drill)})
    log = await log_of(drill, servers, keeps_real_time=False)
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
    ("servers", "why"),
    [
        pytest.param(Servers({}, server=None), "not registered any more", id="gone"),
        pytest.param(
            Servers({}, server=registered(port=22, host_key=None)),
            "its host key is not known",
            id="to be trusted",
        ),
        pytest.param(
            Servers({}, server=replace(KNOWN, enabled=False)), "it is disabled", id="disabled"
        ),
        pytest.param(
            Servers({}, refusal=UnavailableError("no route")), "(no route)", id="unreachable"
        ),
        pytest.param(Servers({}, refusal=TimeoutError()), "took too long", id="silent"),
    ],
)
async def test_server_that_is_not_asked_is_named_and_proves_nothing(
    servers: Servers, why: str
) -> None:
    drill = await patched()
    log = await log_of(drill, servers)
    assert log.source.startswith("0 servers on premises, 0 installs of 29 days; not asked: db-1 (")
    assert why in log.source
    assert not any(log.covers(job) for job in await drill.jobs())


async def test_without_jobs_of_servers_there_is_no_log() -> None:
    drill = Drill([a_state()])
    await drill.configure()
    await drill.run_until(WINDOW_OPENS + 15 * MINUTE)
    assert await of_servers(drill.services, cast(ServerSessions, Servers({}))) is None


async def test_jobs_whose_folders_may_be_swept_by_now_ask_nobody() -> None:
    drill = await patched()
    drill.clock.instant += timedelta(days=30)
    assert await of_servers(drill.services, cast(ServerSessions, Servers({}))) is None
