"""A tenant for tests: keys of its own, tokens signed with them, and the server that gives the public halves away."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from shared.adapters.clock import SystemClock
from shared.adapters.identity.entra import EntraTokens
from shared.application.ports import Clock

TENANT = "0f3a5d1c-6d2e-4b8a-9c7f-1a2b3c4d5e6f"
AUDIENCE = "5c9e7a10-3b4d-4e2f-8a6b-7c8d9e0f1a2b"
CLIENT = "a1b2c3d4-0000-4000-8000-00000000c0de"
PERSON = "d4c3b2a1-0000-4000-8000-0000000000ed"


def private_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The key of that name."""
    return _made(name, bits)


@cache
def _made(name: str, bits: int) -> rsa.RSAPrivateKey:
    # Once in a process, for it takes a while.
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def described(name: str, *, bits: int = 2048, **changes: Any) -> dict[str, Any]:
    """The public half of a key as a tenant publishes it."""
    public: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(private_key(name, bits).public_key()))
    return {**public, "kid": name, "use": "sig", "key_ops": ["verify"], **changes}


@dataclass(slots=True, kw_only=True)
class Tenant:
    """What it publishes can be changed, and it counts how often it was asked."""

    authority: str = ""
    keys: list[dict[str, Any]] = field(default_factory=lambda: [described("first")])
    status: int = 200
    asked: int = 0

    @property
    def issuer(self) -> str:
        """As its tokens of form 2.0 name it."""
        return f"{self.authority}/{TENANT}/v2.0"

    def claims(self, **changes: Any) -> dict[str, Any]:
        """A reader's, asked for by a client on her behalf; a change to None leaves a claim out."""
        now = datetime.now(UTC)
        usual = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "tid": TENANT,
            "iat": now,
            "nbf": now,
            "exp": now + timedelta(hours=1),
            "azp": CLIENT,
            "oid": PERSON,
            "sub": "subject",
            "scp": "user_impersonation",
            "preferred_username": "ada@example.com",
            "roles": ["Reader"],
        }
        return {name: value for name, value in (usual | changes).items() if value is not None}

    def token(self, *, key: str = "first", kid: str | None = None, **changes: Any) -> str:
        """A token signed with *key*, which it names unless *kid* says otherwise."""
        headers = {"kid": key if kid is None else kid}
        return jwt.encode(
            self.claims(**changes), private_key(key), algorithm="RS256", headers=headers
        )

    def authentication(self, clock: Clock | None = None) -> EntraTokens:
        """What the app would use if it were set to this tenant."""
        return EntraTokens(
            tenant=TENANT,
            audience=AUDIENCE,
            authority=self.authority,
            clock=clock or SystemClock(),
        )


@asynccontextmanager
async def serving() -> AsyncIterator[Tenant]:
    """A tenant whose key set can be read over HTTP; with a status of 302 it leads elsewhere."""
    tenant = Tenant()

    async def answer(_request: web.Request) -> web.Response:
        tenant.asked += 1
        where = {"Location": "/elsewhere"}
        return web.json_response({"keys": tenant.keys}, status=tenant.status, headers=where)

    async def elsewhere(_request: web.Request) -> web.Response:
        return web.json_response({"keys": tenant.keys})

    application = web.Application()
    application.router.add_get(f"/{TENANT}/discovery/v2.0/keys", answer)
    application.router.add_get("/elsewhere", elsewhere)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        tenant.authority = "http://127.0.0.1:{1}".format(*runner.addresses[0][:2])
        yield tenant
    finally:
        await runner.cleanup()
