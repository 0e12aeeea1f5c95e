"""The whole app behind TLS, with callers that a tenant has signed in."""

import ssl
from pathlib import Path

import aiohttp

from localhost.clocks import ManualClock
from localhost.serve.certificate import Certificate
from localhost.stage import stage
from shared.adapters.clock import SystemClock
from tests.builders import CONFIGURATION, DAY_BEFORE, a_configuration
from tests.tenant import AUDIENCE, TENANT, serving

VERSION = {"api-version": "2025-11-01"}
NOWHERE = "http://127.0.0.1:9"


async def test_signed_in_caller_is_served_and_recorded(azurite: str, tmp_path: Path) -> None:
    certificate = Certificate(tmp_path)
    tls = certificate.context(SystemClock().now())
    trusted = ssl.create_default_context(cafile=str(certificate.path))
    async with serving() as tenant:
        settings = {
            "MUSTER_TENANT": TENANT,
            "MUSTER_AUDIENCE": AUDIENCE,
            "MUSTER_AUTHORITY": tenant.authority,
        }
        bearer = {"Authorization": f"Bearer {tenant.token(roles=['Administrator'])}"}
        async with (
            stage(
                storage=azurite,
                arm=NOWHERE,
                # Far from the computer's time: tokens are not judged by it.
                clock=ManualClock(DAY_BEFORE),
                settings=settings,
                tls=tls,
            ) as host,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted)) as http,
        ):
            url = f"{host.url}{CONFIGURATION}"
            async with http.put(url, params=VERSION, json=a_configuration()) as stranger:
                assert stranger.status == 401
                assert stranger.headers["WWW-Authenticate"] == "Bearer"
            async with http.put(
                url, params=VERSION, json=a_configuration(), headers=bearer
            ) as created:
                assert created.status in (200, 201)
                stored = await created.json()
    assert stored["systemData"]["lastModifiedBy"] == "ada@example.com"
