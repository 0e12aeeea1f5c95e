"""The public keys with which a tenant signs its tokens: a JSON Web Key Set, read over HTTP and kept.

- Known keys are used for an hour, then read again. While nothing can be read they go on being used, for a day.
- A key that is not known may be a new one, so the set is read again: at most once in half a minute, by one request at a
  time, whatever strangers send.
- Only RSA keys for signatures are taken, of 2,048 bits and more, and of those that name an issuer only the tenant's:
  keys of other issuers stand in the same set (Microsoft, *Signing key rollover in the Microsoft identity platform*).
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from shared.adapters.identity.claims import UNTRUSTED
from shared.application.ports import Clock
from shared.errors import UnauthenticatedError, UnavailableError
from shared.logs import event

FRESH = timedelta(hours=1)
USABLE = timedelta(days=1)
PAUSE = timedelta(seconds=30)

_log = logging.getLogger(__name__)
_WITHIN = aiohttp.ClientTimeout(total=5)
_LEAST_BITS = 2048


class KeySet:
    """The keys of *tenant* behind *url*; those that are its own name *issuer*, or nobody."""

    def __init__(self, url: str, *, tenant: str, issuer: str, clock: Clock) -> None:
        self._url = url
        self._tenant = tenant
        self._issuer = issuer
        self._clock = clock
        self._keys: Mapping[str, PyJWK] = {}
        self._read_at: datetime | None = None
        self._asked_at: datetime | None = None
        self._asking = asyncio.Lock()

    async def find(self, key_id: str) -> PyJWK:
        """The key of that id.

        Raises `UnauthenticatedError` for an id that the tenant does not know, `UnavailableError` while its keys can't
        be read.
        """
        if not self._knows(key_id):
            async with self._asking:
                if not self._knows(key_id) and self._age(self._asked_at) >= PAUSE:
                    await self._read()
        key = self._keys.get(key_id)
        has_failed = self._read_at != self._asked_at
        if self._age(self._read_at) >= USABLE or (key is None and has_failed):
            raise UnavailableError("The keys that tokens are checked with can't be read just now.")
        if key is None:
            raise UnauthenticatedError(
                "The token is signed with a key that the tenant does not know.", code=UNTRUSTED
            )
        return key

    def _knows(self, key_id: str) -> bool:
        return key_id in self._keys and self._age(self._read_at) < FRESH

    def _age(self, instant: datetime | None) -> timedelta:
        return self._clock.now() - instant if instant else timedelta.max

    async def _read(self) -> None:
        self._asked_at = self._clock.now()
        try:
            keys = self._usable(await _fetch(self._url))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            event(_log, "keys.unreadable", level=logging.WARNING, error=type(error).__name__)
            return
        self._keys, self._read_at = keys, self._asked_at
        event(_log, "keys.read", keys=len(keys))

    def _usable(self, document: Any) -> dict[str, PyJWK]:
        listed = document.get("keys") if isinstance(document, dict) else None
        keys = [self._usable_key(one) for one in listed or [] if isinstance(one, dict)]
        found = {key.key_id: key for key in keys if key and key.key_id}
        if not found:
            raise ValueError("a set without a key that could be used")
        return found

    def _usable_key(self, described: Mapping[str, Any]) -> PyJWK | None:
        if described.get("kty") != "RSA" or described.get("use", "sig") != "sig":
            return None
        if self._of_others(described.get("issuer")):
            return None
        try:
            key = PyJWK.from_dict(dict(described), algorithm="RS256")
        except (PyJWTError, ValueError, TypeError):
            return None
        public = key.key
        return key if isinstance(public, RSAPublicKey) and public.key_size >= _LEAST_BITS else None

    def _of_others(self, issuer: object) -> bool:
        # Keys that several tenants share name a template.
        return (
            issuer is not None and str(issuer).replace("{tenantid}", self._tenant) != self._issuer
        )


async def _fetch(url: str) -> Any:
    """The JSON behind *url*; raises `aiohttp.ClientError`, `TimeoutError` or `ValueError`."""
    async with (
        aiohttp.ClientSession(timeout=_WITHIN) as session,
        session.get(url, allow_redirects=False) as reply,
    ):
        if reply.status != 200:
            raise ValueError(f"HTTP {reply.status}")
        return await reply.json(content_type=None)
