"""Clouds: one name sets three addresses, and each can still be set by itself."""

from pathlib import Path
from typing import Any

import pytest
from azure.identity import AzureAuthorityHosts
from pydantic import SecretStr, ValidationError

from shared.clouds import CLOUDS, Cloud, CloudName
from shared.settings import Settings

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "identity.md"
OWN = "https://arm.example.com"


def settings(**values: Any) -> Settings:
    return Settings(storage=SecretStr("UseDevelopmentStorage=true"), **values)


def addresses(made: Settings) -> Cloud:
    return Cloud(arm_endpoint=made.arm_endpoint, arm_scope=made.arm_scope, authority=made.authority)


def test_without_a_name_it_is_the_public_cloud() -> None:
    assert addresses(settings()) == CLOUDS[CloudName.PUBLIC]


@pytest.mark.parametrize("name", CloudName)
def test_a_cloud_brings_its_addresses(monkeypatch: pytest.MonkeyPatch, name: CloudName) -> None:
    monkeypatch.setenv("MUSTER_CLOUD", name)
    for left_empty in ("MUSTER_ARM_ENDPOINT", "MUSTER_ARM_SCOPE", "MUSTER_AUTHORITY"):
        monkeypatch.setenv(left_empty, "")
    assert addresses(settings()) == CLOUDS[name]


def test_every_cloud_has_addresses_of_its_own() -> None:
    assert CLOUDS.keys() == set(CloudName)
    assert len({cloud.arm_endpoint for cloud in CLOUDS.values()}) == len(CloudName)
    assert len({cloud.authority for cloud in CLOUDS.values()}) == len(CloudName)


def test_authorities_are_those_of_azure_identity_but_for_china() -> None:
    known = {
        CloudName.PUBLIC: AzureAuthorityHosts.AZURE_PUBLIC_CLOUD,
        CloudName.US_GOVERNMENT: AzureAuthorityHosts.AZURE_GOVERNMENT,
    }
    for name, host in known.items():
        assert CLOUDS[name].authority == f"https://{host}"


OVERRIDES = {
    "an endpoint has the scope of its name": (
        {"arm_endpoint": f"{OWN}/"},
        {"arm_endpoint": f"{OWN}/", "arm_scope": f"{OWN}/.default"},
    ),
    "a scope alone": ({"arm_scope": "api://arm/.default"}, {"arm_scope": "api://arm/.default"}),
    "an authority alone": ({"authority": OWN}, {"authority": OWN}),
    "the cloud's own endpoint keeps the cloud's scope, however it is written": (
        {"arm_endpoint": "https://Management.usgovcloudapi.net/"},
        {
            "arm_endpoint": "https://Management.usgovcloudapi.net/",
            "arm_scope": "https://management.core.usgovcloudapi.net/.default",
        },
    ),
    "the cloud's own endpoint keeps the cloud's scope": (
        {"arm_endpoint": "https://management.usgovcloudapi.net"},
        {"arm_scope": "https://management.core.usgovcloudapi.net/.default"},
    ),
}


@pytest.mark.parametrize(("sent", "changed"), OVERRIDES.values(), ids=OVERRIDES.keys())
def test_an_address_can_be_set_by_itself(sent: dict[str, str], changed: dict[str, str]) -> None:
    made = settings(cloud=CloudName.US_GOVERNMENT, **sent)
    cloud = CLOUDS[CloudName.US_GOVERNMENT]
    for name in ("arm_endpoint", "arm_scope", "authority"):
        assert getattr(made, name) == changed.get(name, getattr(cloud, name))


def test_an_unknown_cloud_is_told_the_known_ones() -> None:
    with pytest.raises(ValidationError) as caught:
        settings(cloud="AzureGermanCloud")
    (mistake,) = caught.value.errors()
    assert mistake["loc"] == ("cloud",)
    assert all(name in mistake["msg"] for name in CloudName)


@pytest.mark.parametrize("name", CloudName)
def test_the_documented_table_is_what_the_app_uses(name: CloudName) -> None:
    cloud = CLOUDS[name]
    row = " | ".join(
        f"`{cell}`" for cell in (name, cloud.arm_endpoint, cloud.arm_scope, cloud.authority)
    )
    assert f"| {row} |" in DOCUMENT.read_text(encoding="utf-8")
