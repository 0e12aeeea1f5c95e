"""Private keys are read from where they are kept, once for many, and never shown."""

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncssh
import pytest

from shared.adapters.memory.clock import MemoryClock
from shared.adapters.ssh.errors import NotConnectedError
from shared.adapters.ssh.private_keys import FRESH, PAUSE, PrivateKeys, parse_key
from shared.domain.server import KeySetting, KeyVaultSecret
from tests.unit.adapters.ssh.vault import Credential, Vault, vault

NOW = datetime(2026, 6, 2, 2, 0, tzinfo=UTC)
SETTING = KeySetting(name="SSH_KEY_DB")
SECRET = KeyVaultSecret(name="ssh-key-db")
KEY = asyncssh.generate_private_key("ssh-ed25519")
TEXT = KEY.export_private_key().decode()


def public(key: asyncssh.SSHKey) -> bytes:
    return key.export_public_key()


def settings(value: str | None) -> PrivateKeys:
    """Keys of an app without a vault, whose setting has that value."""

    def setting(name: str) -> str | None:
        return value if name == SETTING.name else None

    return PrivateKeys(setting, vault_url="", credential=Credential(), clock=MemoryClock(NOW))


@pytest.fixture
async def key_vault(tmp_path: Path) -> AsyncIterator[Vault]:
    async with vault(tmp_path) as running:
        yield running


def vaulted(running: Vault, clock: MemoryClock | None = None) -> PrivateKeys:
    return PrivateKeys(
        lambda _name: None,
        vault_url=running.url,
        credential=Credential(),
        clock=clock or MemoryClock(NOW),
        transport=running.transport(),
    )


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(lambda text: text, id="as it is"),
        pytest.param(lambda text: f"\n  {text}\n\n", id="with space around"),
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="with Windows line ends"),
        pytest.param(lambda text: text.replace("\n", r"\n"), id="with line ends written out"),
        pytest.param(lambda text: text.replace("\n", " "), id="with spaces for line ends"),
        pytest.param(lambda text: text.replace("\n", ""), id="without line ends"),
        pytest.param(lambda text: base64.b64encode(text.encode()).decode(), id="in base64"),
        pytest.param(
            lambda text: base64.encodebytes(text.encode()).decode(), id="in folded base64"
        ),
    ],
)
@pytest.mark.parametrize("form", ["openssh", "pkcs8-pem", "pkcs1-pem"])
async def test_a_key_is_read_however_its_lines_were_kept(
    written: Callable[[str], str], form: str
) -> None:
    key = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
    async with settings(written(key.export_private_key(form).decode())) as keys:
        assert public(await keys.read(SETTING)) == public(key)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("hunter2", id="a password"),
        pytest.param(KEY.export_public_key().decode(), id="a public key"),
        pytest.param(TEXT.replace("OPENSSH PRIVATE KEY", "CERTIFICATE"), id="something else"),
        pytest.param(TEXT[: len(TEXT) // 2], id="half a key"),
        pytest.param(TEXT.replace("b3BlbnNzaC1rZXk", "b3BlbnNzaC1rZXj"), id="a damaged key"),
        pytest.param(
            KEY.export_private_key("pkcs8-pem", passphrase="x").decode(), id="a locked key"
        ),
        pytest.param(base64.b64encode(b"\xff\xfe").decode(), id="base64 of something else"),
        pytest.param("ä" * 40, id="letters"),
    ],
)
async def test_what_is_no_key_is_told_without_repeating_it(
    value: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with settings(value) as keys:
        with pytest.raises(NotConnectedError, match="from the app setting 'SSH_KEY_DB'") as told:
            await keys.read(SETTING)
    assert told.value.__cause__ is None
    assert told.value.__context__ is None
    assert value[:8] not in f"{told.value}{caplog.text}"


@pytest.mark.parametrize("value", [None, ""])
async def test_a_setting_that_is_not_set_is_named(value: str | None) -> None:
    async with settings(value) as keys:
        with pytest.raises(NotConnectedError, match="app setting 'SSH_KEY_DB' is not set"):
            await keys.read(SETTING)


async def test_a_secret_without_a_vault_names_the_setting_that_is_needed() -> None:
    async with settings(TEXT) as keys:
        with pytest.raises(NotConnectedError, match="set MUSTER_KEY_VAULT"):
            await keys.read(SECRET)


async def test_a_secret_is_read_from_the_key_vault(key_vault: Vault) -> None:
    key_vault.secrets[SECRET.name] = TEXT
    async with vaulted(key_vault) as keys:
        assert public(await keys.read(SECRET)) == public(KEY)
    assert key_vault.asked == [SECRET.name]
    assert key_vault.challenges == 1


async def test_a_secret_is_read_once_for_all_servers(key_vault: Vault) -> None:
    key_vault.secrets[SECRET.name] = TEXT
    async with vaulted(key_vault) as keys:
        await asyncio.gather(*(keys.read(SECRET) for _ in range(100)))
    assert key_vault.asked == [SECRET.name]


async def test_a_secret_that_was_changed_is_read_after_a_while(key_vault: Vault) -> None:
    clock = MemoryClock(NOW)
    key_vault.secrets[SECRET.name] = TEXT
    async with vaulted(key_vault, clock) as keys:
        await keys.read(SECRET)
        other = asyncssh.generate_private_key("ssh-ed25519")
        key_vault.secrets[SECRET.name] = other.export_private_key().decode()
        clock.advance(FRESH - timedelta(seconds=1))
        assert public(await keys.read(SECRET)) == public(KEY)
        clock.advance(timedelta(seconds=1))
        assert public(await keys.read(SECRET)) == public(other)


async def test_a_failure_is_asked_for_again_after_a_pause(key_vault: Vault) -> None:
    clock = MemoryClock(NOW)
    async with vaulted(key_vault, clock) as keys:
        for _ in range(10):
            with pytest.raises(NotConnectedError, match="has no secret 'ssh-key-db'"):
                await keys.read(SECRET)
        assert len(key_vault.asked) == 1
        key_vault.secrets[SECRET.name] = TEXT
        clock.advance(PAUSE)
        assert public(await keys.read(SECRET)) == public(KEY)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        pytest.param(403, "Key Vault Secrets User", id="the app may not"),
        pytest.param(400, "answered HTTP 400", id="another refusal"),
    ],
)
async def test_a_vault_that_refuses_is_told(key_vault: Vault, status: int, sentence: str) -> None:
    key_vault.status = status
    async with vaulted(key_vault) as keys:
        with pytest.raises(NotConnectedError, match=sentence):
            await keys.read(SECRET)


async def test_a_vault_that_is_no_vault_gets_no_token(key_vault: Vault) -> None:
    key_vault.resource = "https://elsewhere.example"
    credential = Credential()
    keys = PrivateKeys(
        lambda _name: None,
        vault_url=key_vault.url,
        credential=credential,
        clock=MemoryClock(NOW),
        transport=key_vault.transport(),
    )
    async with keys:
        with pytest.raises(NotConnectedError, match="did not answer as it should"):
            await keys.read(SECRET)
    assert credential.scopes == []
    assert key_vault.asked == []


def test_an_empty_value_holds_no_key() -> None:
    assert parse_key("") is None
