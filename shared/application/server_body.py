"""The body of a server on premises: its members, and what each may hold.

Unknown members are left alone at the top. Inside `properties` they are refused, since a typo there would reach another
server, or the right one in another way. Nothing that looks like a secret is taken anywhere, and no error repeats it.
"""

import base64
from collections.abc import Mapping
from typing import Annotated, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, model_validator

from shared.application.bodies import Body, ExactBody, read_body, text
from shared.application.refuse_secrets import refuse_secrets
from shared.domain.ids import ResourceId
from shared.domain.machine import Machine, MachineType, OsType
from shared.domain.server import (
    LARGEST_PORT,
    SSH_PORT,
    KeySetting,
    KeyVaultSecret,
    Server,
    check_tags,
    parse_host,
    parse_location,
    parse_port,
    parse_secret_name,
    parse_setting_name,
    parse_system,
    parse_user,
)
from shared.errors import InvalidRequestError

_HOST_KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
)


def parse_host_key(written: str) -> str:
    """Read one line of an OpenSSH public key, `type base64 [comment]`; the comment is left out."""
    kind, _, rest = written.strip().partition(" ")
    body = rest.strip().partition(" ")[0]
    if kind not in _HOST_KEY_TYPES or not written.isprintable() or not _is_key(f"{kind} {body}"):
        raise InvalidRequestError(
            "This must be the server's public key in OpenSSH's form, a type and its base64 on one "
            f"line, as ssh-keyscan shows it; of {', '.join(_HOST_KEY_TYPES)}."
        )
    return f"{kind} {body}"


def _is_key(line: str) -> bool:
    try:
        base64.b64decode(line.partition(" ")[2], validate=True)
        load_ssh_public_key(line.encode())
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


class AuthenticationBody(ExactBody):
    """Where the private key is kept: one of the two."""

    key_setting: Annotated[str, text(parse_setting_name)] | None = None
    """The name of an app setting."""
    key_vault_secret: Annotated[str, text(parse_secret_name)] | None = None
    """The name of a Key Vault secret."""

    @model_validator(mode="after")
    def _is_one_of_two(self) -> "AuthenticationBody":
        if (self.key_setting is None) == (self.key_vault_secret is None):
            raise InvalidRequestError("Name either a keySetting or a keyVaultSecret.")
        return self

    def record(self) -> KeySetting | KeyVaultSecret:
        if self.key_setting is not None:
            return KeySetting(name=self.key_setting)
        return KeyVaultSecret(name=str(self.key_vault_secret))


def _known_or_trusted(trust: bool, info: ValidationInfo) -> bool:
    # A host key that is wrong is not among the data, and has been told of.
    if "host_key" in info.data and trust == (info.data["host_key"] is not None):
        raise InvalidRequestError(
            "Send the server's hostKey, or true here to take the first that it shows; not both."
        )
    return trust


class ServerProperties(ExactBody):
    """How the server is reached; members that are not known are refused."""

    os_type: Annotated[OsType, text(parse_system)]
    """Linux."""
    host: Annotated[str, text(parse_host)]
    """A DNS name or an IP address."""
    port: Annotated[
        int,
        PlainValidator(
            parse_port, json_schema_input_type=Annotated[int, Field(ge=1, le=LARGEST_PORT)]
        ),
    ] = SSH_PORT
    user: Annotated[str, text(parse_user)]
    """Whom to sign in as."""
    host_key: Annotated[str, text(parse_host_key)] | None = None
    """The server's public key, `ssh-ed25519 AAAA...`: one that shows another is not connected to."""
    trust_on_first_use: Annotated[bool, AfterValidator(_known_or_trusted)] = False
    """True in place of a `hostKey`: take whatever key the server shows first."""
    authentication: AuthenticationBody
    enabled: bool = True
    """False leaves the server alone: its jobs are skipped."""

    @model_validator(mode="before")
    @classmethod
    def _trusts_nobody_unasked(cls, value: object) -> object:
        # Written out, since a default is not held against the host key.
        if not isinstance(value, Mapping) or value.get("trustOnFirstUse") is not None:
            return value
        return {**value, "trustOnFirstUse": False}


class ServerBody(Body):
    """A server on premises; further members are kept."""

    location: Annotated[str, text(parse_location)]
    """By which scopes find it, an Azure region or a name of your own."""
    tags: Annotated[dict[str, str], AfterValidator(check_tags)] = Field(default_factory=dict)
    properties: ServerProperties


def parse_server(server_id: str, document: Mapping[str, Any]) -> Server:
    """Read a server's body; raises `InvalidRequestError` with one detail for each mistake.

    Where something looks like a secret, only that is told.
    """
    refuse_secrets(document)
    body = read_body(ServerBody, document)
    place, properties = ResourceId.parse(server_id), body.properties
    return Server(
        machine=Machine(
            id=place.text,
            type=MachineType.SERVER,
            subscription=place.subscription,
            resource_group=place.resource_group,
            location=body.location,
            os_type=properties.os_type,
            tags=body.tags,
        ),
        host=properties.host,
        port=properties.port,
        user=properties.user,
        host_key=properties.host_key,
        authentication=properties.authentication.record(),
        enabled=properties.enabled,
    )
