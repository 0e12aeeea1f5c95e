"""What goes wrong between Muster and a server, sorted by what is known of the command that was to be sent.

    UnavailableError
    ├── NotConnectedError        nothing was sent: no key, no network, no login
    │   └── HostKeyChangedError  nothing was sent: the server has another key than the one that is pinned
    ├── LostError                the command was sent, and what became of it is unknown
    └── CommandFailedError       the command ran and said that it failed, or answered what is not understood

Each message is a sentence for a person; it may name a setting or a secret, never its value.
"""

from shared.errors import UnavailableError


class NotConnectedError(UnavailableError):
    """Proof that nothing was sent; the message says which step failed and what to do."""


class HostKeyChangedError(NotConnectedError):
    """The server shows another host key than the one that is pinned."""


class LostError(UnavailableError):
    """The command was sent, but the answer did not come: it may have run, or run still."""


class CommandFailedError(UnavailableError):
    """The server's shell ran the command, which failed or answered what it never should."""
