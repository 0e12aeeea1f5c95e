"""Which credential the app signs in with, by where it runs: the real objects, of which none calls anybody here."""

import re
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials_async import AsyncTokenCredential
from azure.identity.aio import (
    DefaultAzureCredential,
    ManagedIdentityCredential,
)
from pydantic import SecretStr

from shared.adapters.arm import StaticCredential
from shared.bootstrap import _credential
from shared.clouds import CLOUDS, CloudName
from shared.settings import Settings

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "identity.md"
CLIENT = "3f6d2c1e-0a4b-4b5e-9f10-5a1c7d2e8b90"
IN_AZURE = {
    "WEBSITE_INSTANCE_ID": "a",
    "IDENTITY_ENDPOINT": "http://127.0.0.1:9/token",
    "IDENTITY_HEADER": "x",
}
SECRET = {"AZURE_CLIENT_ID": CLIENT, "AZURE_TENANT_ID": CLIENT, "AZURE_CLIENT_SECRET": "secret"}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which nobody has signed in."""
    for name in (*IN_AZURE, *SECRET, "AZURE_AUTHORITY_HOST", "AZURE_TOKEN_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE", raising=False)


def credential(**values: Any) -> AsyncTokenCredential:
    return _credential(Settings(storage=SecretStr("UseDevelopmentStorage=true"), **values))


def set_all(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


async def test_in_azure_it_is_the_managed_identity_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_all(monkeypatch, IN_AZURE)
    async with credential() as made:
        assert type(made) is ManagedIdentityCredential
        assert client_id_of(made) is None


async def test_in_azure_a_secret_in_the_settings_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_all(monkeypatch, IN_AZURE | SECRET)
    async with credential() as made:
        assert type(made) is ManagedIdentityCredential


async def test_in_azure_a_client_id_chooses_the_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {**IN_AZURE, "AZURE_CLIENT_ID": CLIENT})
    async with credential() as made:
        assert client_id_of(made) == CLIENT


def client_id_of(made: Any) -> object:
    return made._credential._client._identity_config.get("client_id")


async def test_elsewhere_the_order_is_the_documented_one() -> None:
    documented = re.findall(r"^\d\. `(\w+)`", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    async with credential() as made:
        assert isinstance(made, DefaultAzureCredential)
        order = [type(one).__name__ for one in made.credentials]
    # What no variable sets up keeps its place, under a name that says so.
    assert [name.replace("AsyncFailedDAC", "WorkloadIdentity") for name in order] == documented


@pytest.mark.parametrize("name", CloudName)
async def test_elsewhere_one_signs_in_where_the_cloud_does(
    monkeypatch: pytest.MonkeyPatch, name: CloudName
) -> None:
    set_all(monkeypatch, SECRET)
    async with credential(cloud=name) as made:
        service_principal: Any = made.credentials[0]  # type: ignore[attr-defined]
        assert service_principal._credential._client._authority == CLOUDS[name].authority


async def test_an_azure_on_this_machine_is_sent_no_identity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_all(monkeypatch, IN_AZURE)
    assert isinstance(credential(arm_endpoint="http://127.0.0.1:8080"), StaticCredential)
