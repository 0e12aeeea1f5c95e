"""The settings: the only reader of the environment.

Every name begins with `MUSTER_`, but for those that the Functions host itself sets. They are read once, lazily: an
error while `function_app` is imported would make every function vanish.
"""

import os
from datetime import timedelta
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.application.limits import Limits
from shared.clouds import CLOUDS, CloudName

Margin = Annotated[timedelta, Field(ge=timedelta(minutes=25), le=timedelta(hours=3))]
LOOPBACK = ("127.0.0.1", "localhost", "::1")
GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


class Settings(BaseSettings):
    """What an administrator may set; durations in ISO 8601, such as `PT30M`."""

    model_config = SettingsConfigDict(
        env_prefix="MUSTER_", frozen=True, extra="ignore", populate_by_name=True
    )

    storage: SecretStr = Field(default=SecretStr(""), validation_alias="AzureWebJobsStorage")
    """A connection string; or use the two addresses below with a managed identity."""
    queue_endpoint: str = Field(default="", validation_alias="AzureWebJobsStorage__queueServiceUri")
    table_endpoint: str = Field(default="", validation_alias="AzureWebJobsStorage__tableServiceUri")
    website_instance_id: str = Field(default="", validation_alias="WEBSITE_INSTANCE_ID")
    website_pod_name: str = Field(default="", validation_alias="WEBSITE_POD_NAME")
    website_site_name: str = Field(default="", validation_alias="WEBSITE_SITE_NAME")
    """Azure sets at least one of the three, by the hosting plan: the app finds itself in Azure."""
    website_auth_enabled: str = Field(default="", validation_alias="WEBSITE_AUTH_ENABLED")
    """`True` where Azure has App Service authentication switched on for the app."""

    cloud: CloudName = CloudName.PUBLIC
    """Where the machines are; an empty `arm_endpoint`, `arm_scope` or `authority` is taken from it."""
    arm_endpoint: str = Field(default="", validate_default=True)
    """Azure Resource Manager."""
    arm_scope: str = Field(default="", validate_default=True)
    """The token's scope; of an endpoint that is not the cloud's it is `<arm_endpoint>/.default`."""
    authority: str = Field(default="", validate_default=True)
    """Where the app signs in, and where its callers do."""
    identity_client_id: str = Field(default="", validation_alias="AZURE_CLIENT_ID")
    """The client id of a user-assigned managed identity; without one the app is its system-assigned one."""

    tenant: str = Field(default="", pattern=f"^({GUID})?$")
    """The tenant whose users and applications may call; without one only this machine may."""
    audience: str = ""
    """Client id or App ID URI of the app registration that tokens are meant for."""
    app_service_auth: bool = False
    """Believe App Service authentication instead of checking tokens."""

    key_vault: str = ""
    """The address of the Key Vault in which servers' private keys are kept, `https://<name>.vault.azure.net`."""

    azure_cut_off: Margin = Limits().azure_cut_off
    server_cut_off: Margin = Limits().server_cut_off
    maximum_duration: timedelta = Field(
        default=Limits().maximum_duration, ge=timedelta(minutes=30), le=timedelta(hours=23)
    )
    assessment_age: timedelta = Field(
        default=Limits().assessment_age, ge=timedelta(0), le=timedelta(days=3650)
    )
    """From which age on a preview has assessments made anew; none: never by itself."""
    inventory_page: int = Field(default=Limits().inventory_page, ge=1, le=1000)
    connections: int = Field(default=Limits().connections, ge=1, le=1000)
    """How many servers on premises are connected to at once."""
    in_flight: int = Field(default=Limits().in_flight, ge=1, le=10_000)
    body_bytes: int = Field(default=Limits().body_bytes, ge=1_024, le=400_000)
    """A row holds 1 MiB, and Table Storage counts two bytes for each character."""
    configurations_per_region: int = Field(default=Limits().configurations_per_region, ge=1)
    scopes_per_configuration: int = Field(default=Limits().scopes_per_configuration, ge=1)
    tags_per_scope: int = Field(default=Limits().tags_per_scope, ge=1)
    groups_per_scope: int = Field(default=Limits().groups_per_scope, ge=1)

    @field_validator("arm_endpoint", "arm_scope", "authority")
    @classmethod
    def _is_the_clouds_own(cls, value: str, info: ValidationInfo) -> str:
        if value or "cloud" not in info.data:
            return value
        cloud = CLOUDS[info.data["cloud"]]
        match info.field_name:
            case "arm_endpoint":
                return cloud.arm_endpoint
            case "authority":
                return cloud.authority
        endpoint = str(info.data["arm_endpoint"])
        if endpoint.rstrip("/").lower() == cloud.arm_endpoint:
            return cloud.arm_scope
        return f"{endpoint.rstrip('/')}/.default"

    @model_validator(mode="after")
    def _has_storage(self) -> Self:
        if not self.storage.get_secret_value() and not (
            self.queue_endpoint and self.table_endpoint
        ):
            raise ValueError(
                "Set AzureWebJobsStorage to a connection string, or AzureWebJobsStorage__queueServiceUri and "
                "AzureWebJobsStorage__tableServiceUri to use a managed identity."
            )
        return self

    @model_validator(mode="after")
    def _knows_its_callers(self) -> Self:
        if self.app_service_auth and self.audience:
            raise ValueError(
                "Set MUSTER_AUDIENCE to have Muster check tokens, or MUSTER_APP_SERVICE_AUTH to have App Service do "
                "it, not both."
            )
        if bool(self.tenant) != (self.app_service_auth or bool(self.audience)):
            raise ValueError(
                "To let others than this machine call, set MUSTER_TENANT together with MUSTER_AUDIENCE or "
                "MUSTER_APP_SERVICE_AUTH."
            )
        if not _is_https(self.authority):
            raise ValueError("MUSTER_AUTHORITY has to be an https address.")
        return self

    @model_validator(mode="after")
    def _keeps_keys_safe(self) -> Self:
        if self.key_vault and not _is_https(self.key_vault):
            raise ValueError("MUSTER_KEY_VAULT has to be an https address.")
        return self

    @property
    def is_in_azure(self) -> bool:
        """Whether the app runs in Azure, where nobody is *local*."""
        return bool(self.website_instance_id or self.website_pod_name or self.website_site_name)

    @property
    def azure_checks_callers(self) -> bool:
        """Whether Azure says that App Service authentication stands before this app."""
        return self.is_in_azure and self.website_auth_enabled.lower() == "true"

    @property
    def arm_is_local(self) -> bool:
        """Whether Azure Resource Manager is one on this machine, reached without encryption or identity."""
        parts = urlsplit(self.arm_endpoint)
        return parts.scheme == "http" and parts.hostname in LOOPBACK

    @property
    def limits(self) -> Limits:
        """The limits, with what was set in place of the defaults."""
        return Limits(
            azure_cut_off=self.azure_cut_off,
            server_cut_off=self.server_cut_off,
            maximum_duration=self.maximum_duration,
            assessment_age=self.assessment_age,
            inventory_page=self.inventory_page,
            connections=self.connections,
            in_flight=self.in_flight,
            body_bytes=self.body_bytes,
            configurations_per_region=self.configurations_per_region,
            scopes_per_configuration=self.scopes_per_configuration,
            tags_per_scope=self.tags_per_scope,
            groups_per_scope=self.groups_per_scope,
        )


def app_setting(name: str) -> str | None:
    """An app setting that an administrator has named elsewhere, such as one with a private key; None without it."""
    return os.environ.get(name)  # noqa: TID251 (this is the only reader of the environment)


def _is_https(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
