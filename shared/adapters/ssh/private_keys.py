"""The private keys with which Muster logs in to servers: values of app settings, and secrets of Azure Key Vault.

1. A key is read once for all servers that use it, and again after five minutes; a failure is remembered for half a
   minute, so that a thousand servers don't ask a vault that has nothing.
2. The value is OpenSSH's or PEM's text, without a passphrase, or base64 of that text. Line breaks may be missing or be
   written as `\\n`: one-line fields of portals do that to them.
3. No message and no log holds a value, or part of one; errors of parsers are not even chained.
"""

import asyncio
import base64
import binascii
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import asyncssh
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.core.pipeline.transport import AioHttpTransport
from azure.keyvault.secrets.aio import SecretClient

from shared.adapters.ssh.errors import NotConnectedError
from shared.adapters.ssh.failures import key_name
from shared.application.ports import Clock
from shared.domain.server import KeySetting, KeyVaultSecret

FRESH = timedelta(minutes=5)
PAUSE = timedelta(seconds=30)

_WITHIN_SECONDS = 20
_ARMOUR = re.compile(r"-----BEGIN ([A-Z ]+)-----(.+?)-----END \1-----", re.DOTALL)
_Place = KeySetting | KeyVaultSecret


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What was found at an instant: a key, or a sentence that says why not."""

    found: asyncssh.SSHKey | str
    read_at: datetime


class PrivateKeys:
    """An async context manager; *setting* gives the value of an app setting, *vault_url* may be empty.

    The credential stays the caller's, who closes it.
    """

    def __init__(
        self,
        setting: Callable[[str], str | None],
        *,
        vault_url: str,
        credential: AsyncTokenCredential,
        clock: Clock,
        transport: AioHttpTransport | None = None,
    ) -> None:
        self._setting = setting
        self._clock = clock
        self._kept: dict[_Place, _Kept] = {}
        self._reading: dict[_Place, asyncio.Lock] = {}
        self._vault = (
            SecretClient(
                vault_url,
                credential,
                transport=transport or AioHttpTransport(use_env_settings=False),
                retry_total=2,
                connection_timeout=5,
            )
            if vault_url
            else None
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._vault:
            await self._vault.close()

    async def read(self, authentication: KeySetting | KeyVaultSecret) -> asyncssh.SSHKey:
        """The key that is kept there; raises `NotConnectedError` with a sentence that says what to do."""
        async with self._reading.setdefault(authentication, asyncio.Lock()):
            kept = self._kept.get(authentication)
            if kept is None or not self._is_fresh(kept):
                found = await self._find(authentication)
                kept = _Kept(found=found, read_at=self._clock.now())
                self._kept[authentication] = kept
        if isinstance(kept.found, str):
            raise NotConnectedError(kept.found)
        return kept.found

    def _is_fresh(self, kept: _Kept) -> bool:
        age = self._clock.now() - kept.read_at
        return age < (PAUSE if isinstance(kept.found, str) else FRESH)

    async def _find(self, authentication: KeySetting | KeyVaultSecret) -> asyncssh.SSHKey | str:
        match authentication:
            case KeySetting(name=name):
                text = self._setting(name)
                if not text:
                    return f"The app setting '{name}' is not set: put the private key of the server's user there."
            case KeyVaultSecret(name=name):
                try:
                    text = await self._ask_vault(name)
                except NotConnectedError as error:
                    return error.message
        key = parse_key(text)
        return key or (
            f"No private key can be read from {key_name(authentication)}: it has to be one in OpenSSH's or PEM form "
            "without a passphrase, or base64 of that text."
        )

    async def _ask_vault(self, name: str) -> str:
        """The value of a secret's newest version; raises `NotConnectedError`."""
        if self._vault is None:
            raise NotConnectedError(
                f"There is no Key Vault to read the secret '{name}' from: set MUSTER_KEY_VAULT to its address."
            )
        try:
            async with asyncio.timeout(_WITHIN_SECONDS):
                return (await self._vault.get_secret(name)).value or ""
        except ResourceNotFoundError as error:
            raise NotConnectedError(f"The Key Vault has no secret '{name}'.") from error
        except (ClientAuthenticationError, HttpResponseError) as error:
            raise NotConnectedError(_refusal(name, error)) from error
        except (AzureError, TimeoutError, ValueError) as error:
            raise NotConnectedError(
                f"The Key Vault did not answer as it should when it was asked for the secret '{name}' "
                f"({type(error).__name__}): check MUSTER_KEY_VAULT, its firewall and the app's identity."
            ) from error


def parse_key(text: str) -> asyncssh.SSHKey | None:
    """The private key that a setting's or a secret's value holds; None if it holds none."""
    armoured = _ARMOUR.search(text.replace("\\r", "\n").replace("\\n", "\n")) or _ARMOUR.search(
        _decoded(text)
    )
    if armoured is None:
        return None
    label, body = armoured.groups()
    lines = textwrap.wrap("".join(body.split()), 64)
    try:
        return asyncssh.import_private_key(
            "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])
        )
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError):
        return None


def _decoded(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""


def _refusal(name: str, error: HttpResponseError) -> str:
    status = error.status_code
    if isinstance(error, ClientAuthenticationError) or status in (401, 403):
        return (
            f"The Key Vault does not let the app read the secret '{name}': give its identity the role "
            "Key Vault Secrets User, let it through the vault's firewall, and see that the secret is enabled."
        )
    return f"The Key Vault answered HTTP {status} when it was asked for the secret '{name}'."
