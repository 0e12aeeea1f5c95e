"""A connection believes nobody but the server whose key is pinned, and says what is known of a command."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncssh
import pytest

from shared.adapters.ssh.connections import SshConnections, Timeouts
from shared.adapters.ssh.errors import (
    CommandFailedError,
    HostKeyChangedError,
    LostError,
    NotConnectedError,
)
from tests.integration.ssh.asking import (
    SOON,
    free_port,
    keys,
    logins,
    poll,
    run,
    silent_port,
)
from tests.servers.login import client_key, new_key
from tests.servers.reaching import OneKey, connected, registered, registered_as
from tests.servers.server import ThrowAwayServer
from tests.waiting import until


class _Session(asyncssh.SSHServerSession[bytes]):
    """Takes no command: it refuses, or breaks the connection before it says so."""

    def __init__(self, *, hangs_up: bool) -> None:
        self._hangs_up = hangs_up

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def exec_requested(self, command: str) -> bool:
        if self._hangs_up:
            self._channel.get_connection().abort()
        return self._hangs_up


class _Server(asyncssh.SSHServer):
    def __init__(self, *, hangs_up: bool) -> None:
        self._hangs_up = hangs_up

    def begin_auth(self, username: str) -> bool:
        return False

    def session_requested(self) -> _Session:
        return _Session(hangs_up=self._hangs_up)


@pytest.mark.parametrize("hangs_up", [True, False], ids=["hangs up", "refuses"])
async def test_what_happens_when_the_command_has_left_leaves_it_in_doubt(hangs_up: bool) -> None:
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    acceptor = await asyncssh.create_server(
        lambda: _Server(hangs_up=hangs_up),
        *("127.0.0.1", 0),
        server_host_keys=[host_key],
        encoding=None,
    )
    async with acceptor, SshConnections(keys()) as connections:
        with pytest.raises(LostError):
            await poll(connections, registered(port=acceptor.get_port(), host_key=None))


async def test_a_command_on_a_broken_connection_was_never_sent(server: ThrowAwayServer) -> None:
    async with connected(server) as connection:
        server.drop_connections()
        await until(lambda: not connection.is_open)
        with pytest.raises(NotConnectedError):
            await run(connection, "true")


async def test_a_script_gets_its_data_and_its_answer_is_whole(server: ThrowAwayServer) -> None:
    data = bytes(range(256)) * 4096
    async with connected(server) as connection:
        assert await run(connection, "cat", data) == data
        assert await run(connection, "echo '$HOME' \"it's\"") == b"$HOME it's\n"
        assert await run(connection, "id -un") == b"muster\n"


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        pytest.param("echo first >&2; echo last >&2; exit 3", "answered: last$", id="exit code"),
        pytest.param("exit 1", "nothing, but it failed", id="without a word"),
        pytest.param(r"printf 'a\033[31mb\n' >&2; exit 1", r"answered: a\[31mb$", id="escapes"),
        pytest.param("kill -9 $$", "nothing, but it failed", id="killed"),
    ],
)
async def test_a_command_that_fails_says_why(
    server: ThrowAwayServer, script: str, sentence: str
) -> None:
    async with connected(server) as connection:
        with pytest.raises(CommandFailedError, match=sentence):
            await run(connection, script)
        assert await run(connection, "echo still here") == b"still here\n"


async def test_a_connection_that_breaks_in_a_command_leaves_it_in_doubt(
    server: ThrowAwayServer,
) -> None:
    async with connected(server) as connection:
        running = asyncio.create_task(run(connection, "echo x > ~/begun; sleep 1000"))
        await until(lambda: (server.root / "home/muster/begun").exists())
        server.drop_connections()
        with pytest.raises(LostError):
            await running


async def test_a_command_that_does_not_answer_in_time_is_in_doubt(server: ThrowAwayServer) -> None:
    async with connected(server) as connection:
        with pytest.raises(LostError, match=r"did not answer within 0\.5 s"):
            await connection.run("sleep 1000", b"", within=timedelta(seconds=0.5))
        assert not connection.is_open


async def test_a_command_need_not_read_its_data(server: ThrowAwayServer) -> None:
    async with connected(server) as connection:
        assert await run(connection, "echo done", b"x" * (1 << 20)) == b"done\n"
        with pytest.raises(CommandFailedError, match=r"answered: no$"):
            await run(connection, "exec <&-; echo no >&2; exit 1", b"x" * (1 << 20))


async def test_a_server_that_falls_silent_is_noticed(server: ThrowAwayServer) -> None:
    async with connected(server, timeouts=Timeouts(keep_alive=timedelta(seconds=1))) as connection:
        await run(connection, "true")
        server.freeze_sshd()
        await until(lambda: not connection.is_open)
        server.thaw_sshd()


async def test_closing_does_not_wait_for_a_silent_server(server: ThrowAwayServer) -> None:
    hasty = Timeouts(closing=timedelta(seconds=1), keep_alive=timedelta(seconds=60))
    async with connected(server, timeouts=hasty) as connection:
        await run(connection, "true")
        server.freeze_sshd()
        began = time.monotonic()
    assert time.monotonic() - began < 60
    server.thaw_sshd()


async def test_an_unknown_host_key_is_shown(server: ThrowAwayServer) -> None:
    async with (
        SshConnections(keys()) as connections,
        connections.to(registered(port=server.port, host_key=None)) as connection,
    ):
        assert connection.host_key == server.host_key


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"])
async def test_only_the_pinned_host_key_is_believed(server: ThrowAwayServer, kind: str) -> None:
    other = asyncssh.generate_private_key(kind).export_public_key().decode().strip()
    pinned = replace(registered_as(server), host_key=other)
    async with SshConnections(keys()) as connections:
        with pytest.raises(HostKeyChangedError, match="another host key"):
            await poll(connections, pinned)
    assert logins(server) == 0


async def test_a_changed_host_key_is_noticed(server: ThrowAwayServer) -> None:
    before = registered_as(server)
    (server.root / "etc/ssh/host_key").write_text(new_key()[0], encoding="ascii")
    server.kill_sshd()
    server.start_sshd()
    async with SshConnections(keys()) as connections:
        with pytest.raises(HostKeyChangedError):
            await poll(connections, before)


async def test_the_pinned_key_is_found_among_several(server: ThrowAwayServer) -> None:
    rsa = asyncssh.generate_private_key("ssh-rsa")
    (server.root / "etc/ssh/rsa").write_bytes(rsa.export_private_key())
    (server.root / "etc/ssh/rsa").chmod(0o600)
    with (server.root / "etc/ssh/throw-away").open("a") as config:
        config.write("HostKey /etc/ssh/rsa\n")
    server.kill_sshd()
    server.start_sshd()
    public = " ".join(rsa.export_public_key().decode().split()[:2])
    for pinned in (server.host_key, public):
        one = replace(registered_as(server), host_key=pinned)
        async with SshConnections(keys()) as connections, connections.to(one) as connection:
            assert connection.host_key == pinned


async def test_a_login_that_is_refused_names_the_setting(server: ThrowAwayServer) -> None:
    stranger = OneKey(new_key()[0])
    async with SshConnections(stranger) as connections:
        with pytest.raises(NotConnectedError, match=r"login as 'muster'.*app setting 'SSH_KEY'"):
            await poll(connections, registered_as(server))


async def test_the_users_own_keys_configuration_and_agent_take_no_part(
    server: ThrowAwayServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ".ssh"
    folder.mkdir()
    (folder / "id_ed25519").write_text(client_key()[0])
    (folder / "id_ed25519").chmod(0o600)
    (folder / "config").write_text("Host *\n  Port 1\n  User nobody\n")
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {new_key()[1]}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    async with connected(server) as connection:
        assert await run(connection, "id -un") == b"muster\n"
    async with SshConnections(OneKey(new_key()[0])) as connections:
        with pytest.raises(NotConnectedError):
            await poll(connections, registered_as(server))


async def test_what_refuses_or_is_unknown_or_silent_was_sent_nothing() -> None:
    async with SshConnections(keys()) as connections:
        with free_port() as port, pytest.raises(NotConnectedError, match="refused the connection"):
            await poll(connections, registered(port=port, host_key=None))
        with pytest.raises(NotConnectedError, match=r"'nowhere\.invalid' can't be resolved"):
            await poll(connections, registered(port=22, host_key=None, host="nowhere.invalid"))
        with pytest.raises(NotConnectedError, match="register it anew"):
            await poll(connections, registered(port=22, host_key="ssh-ed25519 AAAA"))
    async with SshConnections(keys(), timeouts=SOON) as connections:
        with (
            silent_port() as port,
            pytest.raises(NotConnectedError, match="did not answer in time"),
        ):
            await poll(connections, registered(port=port, host_key=None))
