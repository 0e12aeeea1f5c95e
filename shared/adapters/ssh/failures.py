"""What kept Muster from connecting, in sentences that say which step failed and what a person can do about it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import asyncssh

from shared.adapters.ssh.errors import HostKeyChangedError, NotConnectedError
from shared.domain.server import KeySetting, KeyVaultSecret, Server

LONGEST_REASON = 200

UNFORESEEN = (
    *(asyncssh.Error, OSError),
    *(ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError),
)
"""How a connection ends: asyncssh also passes on whatever it met in reading a packet that no server should send."""


@contextmanager
def explained(server: Server) -> Iterator[None]:
    """Errors of connecting become ours, with what a person can do about them."""
    address = f"{server.host} port {server.port}"
    try:
        yield
    except socket.gaierror as error:
        raise NotConnectedError(
            f"The name '{server.host}' can't be resolved: check the server's host and the app's DNS."
        ) from error
    except ConnectionRefusedError as error:
        raise NotConnectedError(
            f"{address} refused the connection: check that sshd runs there and that the port is right."
        ) from error
    except TimeoutError as error:
        raise NotConnectedError(
            f"{address} did not answer in time: check that the server is on, and the firewalls on the way."
        ) from error
    except asyncssh.PermissionDenied as error:
        raise NotConnectedError(
            f"The login as '{server.user}' was refused: check that the public key belonging to "
            f"{key_name(server.authentication)} stands in the user's authorized_keys."
        ) from error
    except asyncssh.HostKeyNotVerifiable as error:
        raise _changed(server) from error
    except asyncssh.KeyExchangeFailed as error:
        raise NotConnectedError(
            f"{address} and Muster do not agree on keys: {said(error)}."
        ) from error
    except UNFORESEEN as error:
        raise NotConnectedError(
            f"{address} ended the connection before the login ({said(error)})."
        ) from error


def _changed(server: Server) -> HostKeyChangedError:
    return HostKeyChangedError(
        f"{server.host} port {server.port} shows another host key than the one that is registered. If the server was "
        "installed anew, register its new key; if not, somebody may stand between."
    )


def key_name(authentication: KeySetting | KeyVaultSecret) -> str:
    """Where the private key is kept, in words."""
    match authentication:
        case KeySetting(name=name):
            return f"the app setting '{name}'"
        case KeyVaultSecret(name=name):
            return f"the Key Vault secret '{name}'"


def said(error: Exception) -> str:
    """What an error says, in one short line."""
    reason = getattr(error, "reason", "") or getattr(error, "strerror", "") or ""
    line = "".join(one for one in str(reason) if one.isprintable())[:LONGEST_REASON]
    return line or type(error).__name__
