"""Host keys over real SSH: the pinned one alone is spoken to, and one that is trusted on first use is pinned first."""

from typing import Any

import asyncssh
import pytest

from shared.application.ports import NotNow
from shared.application.servers import registered
from shared.domain.machine import MachineType, ineligible
from shared.domain.run import Reason
from shared.errors import UnavailableError
from tests.builders import SERVER
from tests.integration.servers.patched import an_order, patched
from tests.servers.server import ThrowAwayServer

TRUSTING: dict[str, Any] = {"hostKey": None, "trustOnFirstUse": True}


def another_key() -> str:
    kind, encoded, *_ = (
        asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().split()
    )
    return f"{kind} {encoded}"


def show_another_key(server: ThrowAwayServer) -> None:
    """What happens when a server is installed anew, or another one takes its address."""
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key()
    (server.root / "etc/ssh/host_key").write_bytes(key)
    server.kill_sshd()
    server.start_sshd()


async def test_server_with_another_key_is_not_spoken_to(server: ThrowAwayServer) -> None:
    async with patched(server, hostKey=another_key()) as there:
        state = await there.patching.inspect(SERVER, MachineType.SERVER)
        assert state
        why = ineligible(state)
        assert why
        assert why.reason is Reason.HOST_KEY_CHANGED
        for reply in (
            await there.patching.prepare(an_order()),
            await there.patching.install(an_order()),
            await there.patching.assess(state.machine),
        ):
            assert isinstance(reply, NotNow)
        assert not (server.root / "home/muster/.muster").exists()
        assert "Accepted publickey" not in server.sshd_log


async def test_first_key_is_pinned_and_the_next_one_refused(server: ThrowAwayServer) -> None:
    async with patched(server, **TRUSTING) as there:
        state = await there.patching.inspect(SERVER, MachineType.SERVER)
        assert state
        assert state.host_key_changed is None
        stored = await there.store.get(SERVER)
        assert stored
        assert registered(stored).host_key == server.host_key
        # Another server answers at the same place: the connections are new, as those of the next process are.
        await there.connections.close()
        show_another_key(server)
        changed = await there.patching.inspect(SERVER, MachineType.SERVER)
        assert changed
        assert changed.host_key_changed
        again = await there.store.get(SERVER)
        assert again == stored


async def test_whoever_loses_the_first_use_does_nothing(server: ThrowAwayServer) -> None:
    async with patched(server, **TRUSTING) as there:

        async def overtaken(server_id: str) -> object:
            # What is read has been changed by the time it is written.
            seen = await registry(server_id)
            assert seen
            await there.store.replace(seen)
            return seen

        registry, there.store.get = there.store.get, overtaken  # type: ignore[method-assign,assignment]
        with pytest.raises(UnavailableError, match="changed in the registry"):
            await there.patching.inspect(SERVER, MachineType.SERVER)
        assert not (server.root / "home/muster/.muster").exists()
