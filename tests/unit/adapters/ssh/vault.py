"""A small Key Vault over TLS on a free port of 127.0.0.1: the challenge, and GET of a secret.

Source: learn.microsoft.com, rest/api/keyvault/secrets/get-secret and
azure/key-vault/general/authentication-requests-and-responses.
"""

import datetime as dt
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import AioHttpTransport
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TOKEN = "a-token"
NAME = "servers.vault.example"


@dataclass(slots=True)
class Vault:
    """`secrets` are values by name, `asked` the names of authorized requests; `status` answers all of these alike."""

    url: str
    certificate: Path
    secrets: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    challenges: int = 0
    status: int = 200
    resource: str = "https://vault.example"

    def transport(self) -> AioHttpTransport:
        """The real transport, which finds every name at 127.0.0.1 and trusts this vault's certificate."""
        connector = aiohttp.TCPConnector(resolver=_Loopback())
        session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        return AioHttpTransport(session=session, connection_verify=str(self.certificate))

    async def answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.challenges += 1
            login = "https://login.microsoftonline.com/00000000-0000-0000-0000-000000000001"
            said = f'Bearer authorization="{login}", resource="{self.resource}"'
            return web.json_response({}, status=401, headers={"WWW-Authenticate": said})
        name = request.match_info["name"]
        self.asked.append(name)
        if self.status != 200:
            error = {"code": "Forbidden", "message": "not allowed"}
            return web.json_response({"error": error}, status=self.status)
        if name not in self.secrets:
            error = {"code": "SecretNotFound", "message": f"A secret with ({name}) was not found"}
            return web.json_response({"error": error}, status=404)
        described = {"value": self.secrets[name], "id": f"{self.url}/secrets/{name}/1"}
        return web.json_response({**described, "attributes": {"enabled": True}})


class Credential:
    """Gives the vault's token for the vault's scope, and none for another."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    async def get_token(self, *scopes: str, **_options: object) -> AccessToken:
        self.scopes.extend(scopes)
        return AccessToken(TOKEN, 4_102_444_800)

    async def close(self) -> None:
        """There is nothing to close."""

    async def __aenter__(self) -> "Credential":
        return self

    async def __aexit__(self, *_error: object) -> None:
        """There is nothing to close."""


class _Loopback(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = ResolveResult(
            hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0
        )
        return [found]

    async def close(self) -> None:
        """There is nothing to close."""


@asynccontextmanager
async def vault(folder: Path) -> AsyncIterator[Vault]:
    """A listening vault; its certificate is kept in *folder*."""
    certificate = _certificate(folder)
    listening = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    listening.load_cert_chain(certificate)
    app = web.Application()
    runner = web.AppRunner(app)
    state = Vault(url="", certificate=certificate)
    app.router.add_get("/secrets/{name}/", state.answer)
    app.router.add_get("/secrets/{name}", state.answer)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=listening)
    await site.start()
    port = runner.addresses[0][1]
    state.url = f"https://{NAME}:{port}"
    state.resource = f"https://vault.example:{port}"
    try:
        yield state
    finally:
        await runner.cleanup()


def _certificate(folder: Path) -> Path:
    """A self-signed certificate and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(NAME), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "vault.pem"
    file.write_bytes(private + made.public_bytes(pem))
    return file
