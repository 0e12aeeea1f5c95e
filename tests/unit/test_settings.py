"""The settings: what the sample says is what the app reads, and nothing is guessed."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from shared.application.limits import Limits
from shared.settings import Settings, app_setting

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
HOSTS_OWN = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"}


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SAMPLE.items():
        monkeypatch.setenv(name, value)


def test_sample_names_every_setting_and_no_other() -> None:
    known = {
        f"MUSTER_{name.upper()}"
        for name, field in Settings.model_fields.items()
        if field.validation_alias is None
    }
    assert set(SAMPLE) - HOSTS_OWN == known


@pytest.mark.usefixtures("sample")
def test_sample_holds_the_defaults() -> None:
    settings = Settings()
    assert settings.limits == Limits()
    assert settings.cloud is Settings.model_fields["cloud"].default


def test_missing_storage_is_named() -> None:
    with pytest.raises(ValidationError, match="AzureWebJobsStorage"):
        Settings(storage=SecretStr(""))


def test_managed_identity_needs_both_addresses() -> None:
    settings = Settings(
        storage=SecretStr(""), queue_endpoint="https://q", table_endpoint="https://t"
    )
    assert settings.table_endpoint == "https://t"
    with pytest.raises(ValidationError):
        Settings(storage=SecretStr(""), queue_endpoint="https://q")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("MUSTER_AZURE_CUT_OFF", "PT10M", id="a cut-off below what machines want"),
        pytest.param("MUSTER_INVENTORY_PAGE", "1001", id="a page over Resource Graph's 1,000"),
        pytest.param("MUSTER_IN_FLIGHT", "0", id="nothing in flight"),
        pytest.param("MUSTER_CONNECTIONS", "0", id="connected to nobody"),
    ],
)
@pytest.mark.usefixtures("sample")
def test_value_out_of_bounds_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.removeprefix("MUSTER_").lower()):
        Settings()


@pytest.mark.parametrize(
    ("endpoint", "is_local"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://localhost:8080", True),
        ("http://127.0.0.1.example.org", False),
        ("https://management.azure.com", False),
    ],
)
def test_only_a_loopback_address_is_called_without_identity(endpoint: str, is_local: bool) -> None:
    settings = Settings(storage=SecretStr("UseDevelopmentStorage=true"), arm_endpoint=endpoint)
    assert settings.arm_is_local is is_local


TENANT = "0f3a5d1c-6d2e-4b8a-9c7f-1a2b3c4d5e6f"


@pytest.mark.parametrize(
    ("values", "named"),
    [
        pytest.param({"tenant": TENANT}, "MUSTER_AUDIENCE", id="a tenant, and nobody who checks"),
        pytest.param({"audience": "api://muster"}, "MUSTER_TENANT", id="an audience alone"),
        pytest.param({"app_service_auth": True}, "MUSTER_TENANT", id="App Service alone"),
        pytest.param(
            {"tenant": TENANT, "audience": "api://muster", "app_service_auth": True},
            "not both",
            id="two who check",
        ),
        pytest.param({"tenant": "common"}, "tenant", id="no tenant in particular"),
        pytest.param({"authority": "http://example.com"}, "https", id="a sign-in in the clear"),
        pytest.param({"authority": "login.example.com"}, "https", id="a sign-in without a scheme"),
    ],
)
def test_half_a_set_up_for_callers_is_refused(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        Settings(storage=SecretStr("memory"), **values)


@pytest.mark.parametrize(
    ("environment", "vouched"),
    [
        ({}, False),
        ({"WEBSITE_AUTH_ENABLED": "True"}, False),
        ({"WEBSITE_INSTANCE_ID": "a"}, False),
        ({"WEBSITE_INSTANCE_ID": "a", "WEBSITE_AUTH_ENABLED": "False"}, False),
        ({"WEBSITE_INSTANCE_ID": "a", "WEBSITE_AUTH_ENABLED": "True"}, True),
        ({"WEBSITE_POD_NAME": "a", "WEBSITE_AUTH_ENABLED": "true"}, True),
    ],
)
@pytest.mark.usefixtures("sample")
def test_azure_vouches_for_callers_only_where_it_says_so(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], vouched: bool
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Settings().azure_checks_callers is vouched


@pytest.mark.parametrize("address", ["http://v.vault.azure.net", "v.vault.azure.net", "ftp://v"])
def test_private_keys_are_not_read_in_the_clear(address: str) -> None:
    with pytest.raises(ValidationError, match="MUSTER_KEY_VAULT"):
        Settings(storage=SecretStr("memory"), key_vault=address)


def test_setting_that_a_server_names_is_read_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_KEY_DB", "a key")
    assert (app_setting("SSH_KEY_DB"), app_setting("SSH_KEY_OTHER")) == ("a key", None)
