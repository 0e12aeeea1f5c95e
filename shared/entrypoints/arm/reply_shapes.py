"""The shapes of replies, for the OpenAPI document alone: replies are made by `schemas` and `own_schemas`.

A member that equals `ABSENT` may be missing, and is never null; no member comes that is not named here, save those of
the documents, which come back as they were sent. Tests hold real replies against these shapes.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from shared.application.assignment_body import AssignmentBody, AssignmentProperties
from shared.application.configuration_body import ConfigurationBody
from shared.application.server_body import ServerBody
from shared.domain.records import RunKind
from shared.domain.run import Reason, RunStatus

ABSENT: Any = None


class Shape(BaseModel):
    """An object that has no other members."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", use_attribute_docstrings=True
    )


class Page(Shape):
    """A list, or a page of it."""

    next_link: str = ABSENT
    """Where the next page is; the last one has none."""


# --- errors --------------------------------------------------------------------------------------


class ErrorPart(Shape):
    """One mistake."""

    code: str
    message: str
    target: str = ABSENT
    """The JSON path, or the name of the parameter, that is wrong."""


class ErrorWhole(ErrorPart):
    """What went wrong."""

    details: list[ErrorPart] = ABSENT
    """Each mistake of a body."""


class Error(Shape):
    """The shape of every error."""

    error: ErrorWhole


# --- documents -----------------------------------------------------------------------------------


class SystemData(Shape):
    """Who created and last changed it, and when: in the api-versions of 2025."""

    created_by: str
    created_by_type: Literal["User", "Application"]
    created_at: datetime
    last_modified_by: str
    last_modified_by_type: Literal["User", "Application"]
    last_modified_at: datetime


class Configuration(ConfigurationBody):
    """A maintenance configuration as it was sent."""

    id: str
    name: str
    type: str
    system_data: SystemData = ABSENT


class ConfigurationPage(Page):
    """Configurations."""

    value: list[Configuration]


class StoredAssignmentProperties(AssignmentProperties):
    """As they were sent."""

    resource_id: str


class Assignment(AssignmentBody):
    """A configuration assignment as it was sent."""

    id: str
    name: str
    type: str
    properties: StoredAssignmentProperties
    system_data: SystemData = ABSENT


class AssignmentPage(Page):
    """Assignments."""

    value: list[Assignment]


class HostKeyData(Shape):
    """Who named the present host key, and when; `trustedKey` is one that was trusted on first use."""

    named_by: str
    named_by_type: Literal["User", "Application"]
    named_at: datetime
    trusted_key: str = ABSENT


class Server(ServerBody):
    """A server on premises as it was sent."""

    id: str
    name: str
    type: str
    system_data: SystemData
    host_key_data: HostKeyData = ABSENT


class ServerPage(Page):
    """Servers."""

    value: list[Server]


# --- runs ----------------------------------------------------------------------------------------


class OutcomeCounts(Shape):
    """Jobs by outcome."""

    succeeded: int
    completed_with_warnings: int
    failed: int
    skipped: int
    timed_out: int
    cancelled: int
    unknown: int


class RunProperties(Shape):
    """How a run stands."""

    status: RunStatus
    resource_id: str
    """The configuration."""
    last_update_time: datetime
    kind: RunKind
    start_time: datetime
    window_end_time: datetime
    end_time: datetime = ABSENT
    created_time: datetime
    created_by: str
    cancelled_time: datetime = ABSENT
    cancelled_by: str = ABSENT
    reason: Reason = ABSENT
    message: str = ABSENT
    target_resource_id: str = ABSENT
    """The only machine, of a run on demand for one."""
    request_id: str = ABSENT
    """The choice of whoever started it by a message."""
    unresolved_scopes: int
    open_jobs: int
    """Jobs without an outcome yet."""
    counts: OutcomeCounts


class Run(Shape):
    """A run, which is an apply update of Azure's: one occurrence of a configuration, or one start on demand."""

    id: str
    name: str
    """The start in UTC, `yyyyMMddHHmmss`."""
    type: str
    properties: RunProperties


class RunPage(Page):
    """Runs."""

    value: list[Run]


class PendingUpdateProperties(Shape):
    """Whose update it is."""

    resource_id: str


class PendingUpdate(Shape):
    """The update that a machine can expect at its next window."""

    maintenance_scope: Literal["InGuestPatch"]
    impact_type: Literal["None", "Restart"]
    status: Literal["Pending"]
    not_before: datetime
    properties: PendingUpdateProperties


class PendingUpdatePage(Page):
    """One update, or none."""

    value: list[PendingUpdate]


# --- the catalogue -------------------------------------------------------------------------------


class CatalogueDisplay(Shape):
    """An operation in words."""

    provider: str
    resource: str
    operation: str
    description: str


class CatalogueEntry(Shape):
    """An operation that role definitions can name."""

    name: str
    is_data_action: bool
    display: CatalogueDisplay
    origin: str


class CatalogueEntryPage(Page):
    """Operations."""

    value: list[CatalogueEntry]
