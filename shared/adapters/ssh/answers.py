"""What a command on a server says, kept as it comes, and never more than was asked for."""

import asyncssh
from asyncssh.constants import EXTENDED_DATA_STDERR


class Answer(asyncssh.SSHClientSession[bytes]):
    """The two outputs of one command, of *largest* bytes together; whoever says more loses the connection.

    A channel that is closed for saying too much would still be talked to, and so would its neighbours on the
    connection; this way the server is silent at once.
    """

    def __init__(self, largest: int) -> None:
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.is_too_long = False
        self.lost: Exception | None = None
        self._left = largest

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._left -= len(data)
        if self._left < 0:
            self.is_too_long = True
            self._channel.get_connection().abort()
        else:
            part = self.stderr if datatype == EXTENDED_DATA_STDERR else self.stdout
            part += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = exc
