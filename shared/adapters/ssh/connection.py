"""One connection to one server: opened with nothing but what Muster was told, and every await ends.

1. No file of the app's user takes part: no configuration, no agent, no known hosts, no other keys. Only public-key
   authentication is offered.
2. A pinned host key is the only one that is believed. Without one any is taken, and `host_key` says which it was.
3. A command whose answer does not come in time, or is too long, closes the connection, for nobody knows what state it
   is in. Nothing is compressed: a few bytes could become as many as they like.
"""

import asyncio
import contextlib
import shlex
from dataclasses import dataclass
from datetime import timedelta

import asyncssh
from asyncssh.constants import OPEN_REQUEST_SESSION_FAILED

from shared.adapters.ssh.answers import Answer
from shared.adapters.ssh.errors import (
    CommandFailedError,
    LostError,
    NotConnectedError,
)
from shared.adapters.ssh.failures import LONGEST_REASON, UNFORESEEN, explained, said
from shared.domain.server import Server

# Signatures by host keys, best first; RFC 8332 has two for keys of the type ssh-rsa.
_SIGNATURES = (
    *("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    *("rsa-sha2-512", "rsa-sha2-256"),
)

LARGEST = 1 << 20
"""How many bytes a command may answer unless more is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long each may take: `waiting` for room, `connecting` until logged in, `closing` until the far end agrees.

    A silent connection is probed each `keep_alive`, and is dead after three probes without an answer.
    """

    waiting: timedelta = timedelta(seconds=60)
    connecting: timedelta = timedelta(seconds=20)
    closing: timedelta = timedelta(seconds=5)
    keep_alive: timedelta = timedelta(seconds=15)


class SshConnection:
    """An open connection; several commands may run on it at the same time.

    `host_key` is the type and the base64 of the key that the server has shown, without a comment.
    """

    def __init__(
        self, connection: asyncssh.SSHClientConnection, *, host_key: str, timeouts: Timeouts
    ) -> None:
        self._connection = connection
        self.host_key = host_key
        self._timeouts = timeouts
        self._is_given_up = False

    @property
    def is_open(self) -> bool:
        return not self._is_given_up and not self._connection.is_closed()

    async def run(
        self, script: str, data: bytes, *, within: timedelta, largest: int = LARGEST
    ) -> bytes:
        """Run *script*, a constant of ours, as `/bin/sh -c`, with *data* as standard input; its standard output.

        Raises `CommandFailedError` with the last line that it complained, if its exit code is not zero;
        `NotConnectedError` if it was never sent; `LostError` if it was, and no end of it was heard of *within*, or it
        said more than *largest* bytes.
        """
        answer = Answer(largest)
        try:
            async with asyncio.timeout(within.total_seconds()):
                code = await self._exchange(script, data, answer)
        except asyncssh.ChannelOpenError as error:
            if error.code == OPEN_REQUEST_SESSION_FAILED:
                # The command had left: a refusal and a connection that broke look the same from here.
                raise LostError("The connection broke, or the server took no command.") from error
            raise NotConnectedError(f"The server opened no session ({said(error)}).") from error
        except TimeoutError as error:
            self._give_up()
            raise LostError(
                f"The server did not answer within {within.total_seconds():g} s."
            ) from error
        except UNFORESEEN as error:
            raise LostError(f"The connection broke before the answer ({said(error)}).") from error
        if answer.is_too_long:
            self._give_up()
            raise LostError(f"The server answered more than {largest} bytes.")
        if code is None or answer.lost:
            why = f" ({said(answer.lost)})" if answer.lost else ""
            raise LostError(f"The connection broke before the answer{why}.") from answer.lost
        if code != 0:
            raise CommandFailedError(f"The server answered: {_last_line(answer.stderr)}")
        return bytes(answer.stdout)

    async def _exchange(self, script: str, data: bytes, answer: Answer) -> int | None:
        """Have the command run to its end; its exit code, negative for a signal, None if none came."""
        command = f"exec /bin/sh -c {shlex.quote(script)}"
        channel, _ = await self._connection.create_session(lambda: answer, command, encoding=None)
        try:
            # Whoever has ended without reading says why by the exit code.
            with contextlib.suppress(BrokenPipeError):
                channel.write(data)
            channel.write_eof()
            await channel.wait_closed()
        finally:
            # Also when nobody waits for it any more.
            channel.abort()
        return channel.get_exit_status()

    def _give_up(self) -> None:
        self._is_given_up = True
        self._connection.abort()

    async def close(self) -> None:
        """Close it, and wait until it is; not for ever."""
        self._connection.close()
        try:
            async with asyncio.timeout(self._timeouts.closing.total_seconds()):
                await self._connection.wait_closed()
        except (TimeoutError, *UNFORESEEN):
            return
        finally:
            # Also when the closing itself was given up.
            self._give_up()


async def connect(server: Server, key: asyncssh.SSHKey, *, timeouts: Timeouts) -> SshConnection:
    """Connect and log in; raises `NotConnectedError`, and `HostKeyChangedError` for another key than the pinned."""
    with explained(server):
        async with asyncio.timeout(timeouts.connecting.total_seconds()):
            connection = await asyncssh.connect(
                server.host,
                server.port,
                username=server.user,
                client_keys=[key],
                known_hosts=_only(server.host_key),
                server_host_key_algs=_preferring(server.host_key),
                x509_trusted_certs=None,
                config=None,
                agent_path=None,
                preferred_auth="publickey",
                public_key_auth=True,
                password_auth=False,
                kbdint_auth=False,
                host_based_auth=False,
                gss_kex=False,
                gss_auth=False,
                client_version="Muster",
                compression_algs=None,
                keepalive_interval=timeouts.keep_alive.total_seconds(),
                keepalive_count_max=3,
            )
    shown = connection.get_server_host_key()
    return SshConnection(connection, host_key=_text_of(shown) if shown else "", timeouts=timeouts)


def _only(host_key: str | None) -> tuple[list[asyncssh.SSHKey], list[str], list[str]] | None:
    """The known hosts: the pinned key alone, no authority, nothing revoked; None checks nothing."""
    if host_key is None:
        return None
    try:
        return [asyncssh.import_public_key(host_key)], [], []
    except asyncssh.KeyImportError as error:
        raise NotConnectedError(
            "The host key that is registered for this server can't be read: register it anew."
        ) from error


def _preferring(host_key: str | None) -> list[str]:
    """All signatures, those of the pinned key's type first.

    With those alone a server that has no such key any more would just hang up; so it shows the key that it has.
    """
    kind = (host_key or "").split(" ")[0]
    return sorted(
        _SIGNATURES, key=lambda one: one != kind and (kind, one[:3]) != ("ssh-rsa", "rsa")
    )


def _text_of(key: asyncssh.SSHKey) -> str:
    kind, encoded, *_ = key.export_public_key().decode("ascii").split()
    return f"{kind} {encoded}"


def _last_line(stderr: bytearray) -> str:
    text = stderr.decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = "".join(one for one in lines[-1] if one.isprintable()) if lines else ""
    return last[:LONGEST_REASON] or "nothing, but it failed."
