"""A server's body: everything wrong is told at once, and no secret gets in or out."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from shared.application.server_body import parse_host_key, parse_server
from shared.domain.machine import MachineType, OsType
from shared.domain.server import KeySetting, KeyVaultSecret
from shared.errors import InvalidRequestError
from tests.builders import HOST_KEY, SERVER, SUBSCRIPTION, a_server

BARE = HOST_KEY.rpartition(" ")[0]
PRIVATE = (
    ed25519.Ed25519PrivateKey.generate()
    .private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    .decode()
)


def line_of(key: Any) -> str:
    public: bytes = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return public.decode()


def mistakes(document: dict[str, Any]) -> dict[str | None, str]:
    """What is wrong, by where."""
    with pytest.raises(InvalidRequestError) as refused:
        parse_server(SERVER, document)
    return {one.target: one.message for one in refused.value.details}


# --- what is read --------------------------------------------------------------------------------


def test_server_is_read_with_its_defaults() -> None:
    server = parse_server(SERVER, a_server())
    assert (server.host, server.port, server.user) == ("db-1.example.com", 22, "muster")
    assert (server.host_key, server.enabled) == (BARE, True)
    assert server.authentication == KeySetting(name="SSH_KEY_DB")
    machine = server.machine
    assert (machine.id, machine.type) == (SERVER, MachineType.SERVER)
    assert (machine.subscription, machine.resource_group) == (SUBSCRIPTION, "ops")
    assert (machine.location, machine.os_type, machine.tags) == (
        "berlin",
        OsType.LINUX,
        {"env": "prod"},
    )


def test_everything_can_be_said() -> None:
    document = a_server(
        port=2222,
        hostKey=None,
        trustOnFirstUse=True,
        authentication={"keyVaultSecret": "web-private-key"},
        enabled=False,
    )
    server = parse_server(SERVER, document)
    assert (server.port, server.host_key, server.enabled) == (2222, None, False)
    assert server.authentication == KeyVaultSecret(name="web-private-key")


def test_null_is_absent_and_the_top_keeps_what_it_does_not_know() -> None:
    document = a_server() | {"kind": "x", "tags": None}
    document["properties"] |= {"port": None, "comment": None}
    server = parse_server(SERVER, document)
    assert (server.port, server.machine.tags) == (22, {})


def test_server_of_the_documentation_is_right() -> None:
    text = (Path(__file__).parents[3] / "docs" / "servers.md").read_text(encoding="utf-8")
    document = json.loads(text.partition("```json")[2].partition("```")[0])
    assert parse_server(SERVER, document).host == document["properties"]["host"]


# --- what is wrong -------------------------------------------------------------------------------


def test_every_mistake_is_told_at_once() -> None:
    wrong = a_server(
        osType="Windows",
        host="-x",
        port=0,
        user="a b",
        hostKey=None,
        authentication={},
        enabled="yes",
        prot=22,
    )
    del wrong["location"]
    members = ("osType", "host", "port", "user", "trustOnFirstUse", "enabled", "prot")
    assert set(mistakes(wrong)) == {
        "location",
        "properties.authentication",
        *(f"properties.{name}" for name in members),
    }


@pytest.mark.parametrize(
    ("document", "target", "words"),
    [
        pytest.param(a_server(host=None), "properties.host", "required", id="no host"),
        pytest.param(a_server(user=None), "properties.user", "required", id="no user"),
        pytest.param(a_server(osType=None), "properties.osType", "required", id="no system"),
        pytest.param(
            a_server(trustOnFirstUse=True),
            "properties.trustOnFirstUse",
            "not both",
            id="a host key, and trust in any",
        ),
        pytest.param(
            a_server(hostKey=None, trustOnFirstUse=False),
            "properties.trustOnFirstUse",
            "hostKey",
            id="no host key and no trust",
        ),
        pytest.param(
            a_server(hostKey=None),
            "properties.trustOnFirstUse",
            "hostKey",
            id="no host key and not a word",
        ),
        pytest.param(
            a_server(authentication={"keySetting": "A", "keyVaultSecret": "b"}),
            "properties.authentication",
            "either",
            id="both ways to authenticate",
        ),
        pytest.param(
            a_server(authentication=None),
            "properties.authentication",
            "required",
            id="no way to authenticate",
        ),
        pytest.param(
            a_server(authentication={"keySetting": "A", "key": "b"}),
            "properties.authentication.key",
            "no such member",
            id="a way that is not known",
        ),
        pytest.param(
            a_server(trustonfirstuse=True),
            "properties.trustonfirstuse",
            "no such member",
            id="a member in another case",
        ),
        pytest.param(
            a_server() | {"tags": {"env": 1}}, "tags.env", "string", id="a tag that is no text"
        ),
        pytest.param(
            a_server() | {"tags": {"env": "a", "Env": "b"}}, "tags", "one", id="one tag twice"
        ),
    ],
)
def test_each_mistake_names_its_field(document: Any, target: str, words: str) -> None:
    found = mistakes(document)
    assert set(found) == {target}
    assert words in found[target]


# --- host keys -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(ed25519.Ed25519PrivateKey.generate(), id="Ed25519"),
        pytest.param(ec.generate_private_key(ec.SECP256R1()), id="ECDSA, 256 bits"),
        pytest.param(ec.generate_private_key(ec.SECP384R1()), id="ECDSA, 384 bits"),
        pytest.param(ec.generate_private_key(ec.SECP521R1()), id="ECDSA, 521 bits"),
        pytest.param(rsa.generate_private_key(65537, 2048), id="RSA"),
    ],
)
def test_host_key_is_read_without_its_comment(key: Any) -> None:
    line = line_of(key)
    assert parse_host_key(line) == line
    assert parse_host_key(f" {line} root@db-1 in Berlin ") == line


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("", id="nothing"),
        pytest.param("ssh-ed25519", id="no base64"),
        pytest.param(BARE.replace("ssh-ed25519", "ssh-rsa"), id="type and base64 disagree"),
        pytest.param(BARE[:-4], id="cut off"),
        pytest.param(f"{BARE[:40]}*{BARE[40:]}", id="not base64"),
        pytest.param(f"db-1 {BARE}", id="a line of known_hosts"),
        pytest.param(f"{BARE}\n{BARE}", id="two lines"),
        pytest.param(f"@cert-authority {BARE}", id="a marker"),
        pytest.param("SHA256:2kQFhBWMZpJv3zR0nXyZ", id="a fingerprint"),
        pytest.param(
            BARE.replace("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"), id="a certificate"
        ),
        pytest.param(BARE.replace("ssh-ed25519", "ssh-dss"), id="DSA"),
    ],
)
def test_nothing_else_is_a_host_key(line: str) -> None:
    assert "OpenSSH" in mistakes(a_server(hostKey=line))["properties.hostKey"]


# --- secrets -------------------------------------------------------------------------------------

HEADLESS = "".join(PRIVATE.splitlines()[1:-1])


@pytest.mark.parametrize(
    ("document", "target"),
    [
        pytest.param(
            a_server(authentication={"keySetting": PRIVATE}),
            "properties.authentication.keySetting",
            id="in the name of a setting",
        ),
        pytest.param(
            a_server(hostKey=PRIVATE), "properties.hostKey", id="in place of the host key"
        ),
        pytest.param(a_server(hostKey=HEADLESS), "properties.hostKey", id="without its first line"),
        pytest.param(a_server() | {"tags": {"k": PRIVATE}}, "tags.k", id="in a tag"),
        pytest.param(a_server() | {"tags": {PRIVATE: ""}}, "tags", id="as the name of a tag"),
        pytest.param(a_server() | {PRIVATE: ""}, "$", id="as the name of a member"),
        pytest.param(
            a_server() | {"x": [{"y": PRIVATE}]}, "x[0].y", id="deep in what is kept unread"
        ),
        pytest.param(
            a_server(authentication={"password": PRIVATE}),
            "properties.authentication",
            id="a password",
        ),
        pytest.param(a_server(Passphrase=PRIVATE), "properties", id="a passphrase"),
        pytest.param(a_server(private_key=PRIVATE), "properties", id="a private key"),
        pytest.param(
            a_server() | {"tags": {"note": f"password: {PRIVATE}"}}, "tags.note", id="in a note"
        ),
        pytest.param(
            a_server(host=f"PuTTY-User-Key-File-3: ssh-ed25519 {HEADLESS}"),
            "properties.host",
            id="a key of PuTTY's",
        ),
    ],
)
def test_secret_is_refused_wherever_it_is_and_never_repeated(document: Any, target: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        parse_server(SERVER, document)
    told = refused.value
    assert [one.target for one in told.details] == [target]
    assert "looks like a secret" in told.message
    everything = f"{told.message}{told.details}{told.target}{told.__cause__}"
    assert "BEGIN" not in everything
    assert HEADLESS[:30] not in everything


def test_what_is_only_called_a_key_is_no_secret() -> None:
    """A name says where a key is, and that is what names are for."""
    for authentication in ({"keySetting": "WEB_PRIVATE_KEY"}, {"keyVaultSecret": "ssh-password"}):
        parse_server(SERVER, a_server(authentication=authentication))
