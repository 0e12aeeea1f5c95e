"""Every operation in words, for the OpenAPI document: what it does, who may call it, what it takes and gives.

The paths, and which operation is where, are `routes`'; a test holds the two tables together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from shared.application.assignment_body import AssignmentBody
from shared.application.callers import Role
from shared.application.configuration_body import ConfigurationBody
from shared.application.preview_subject import PreviewBody
from shared.application.server_body import ServerBody
from shared.entrypoints.arm import examples, unserved
from shared.entrypoints.arm import operations as do
from shared.entrypoints.arm import own_operations as own
from shared.entrypoints.arm.operations import Operation
from shared.entrypoints.arm.own_reply_shapes import (
    Assessment,
    InstalledUpdatePage,
    Job,
    JobPage,
    MachineAnswerPage,
    Preview,
)
from shared.entrypoints.arm.own_schemas import AskBody
from shared.entrypoints.arm.reply_shapes import (
    Assignment,
    AssignmentPage,
    CatalogueEntryPage,
    Configuration,
    ConfigurationPage,
    PendingUpdatePage,
    Run,
    RunPage,
    Server,
    ServerPage,
)
from shared.entrypoints.arm.schemas import CancelBody, StartBody


class MergePatch(BaseModel):
    """Members to change (RFC 7396): null removes one, a list is replaced as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One operation.

    `replies` are the shapes by status, None where no body is sent; an operation without any answers with an error
    always. `examples` are bodies by what they say. `parameters` and `headers` are names of the document's components.
    """

    summary: str
    role: Role | None = Role.READER
    body: type[BaseModel] | None = None
    may_lack_body: bool = False
    examples: Mapping[str, Any] = field(default_factory=dict)
    replies: Mapping[int, type[BaseModel] | None] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


_PAGED = ("top", "skipToken")
_GUARDED = ("ifMatch", "ifNoneMatch")
_CACHED = ("ifNoneMatch",)

_NOT_SERVED = "Not served: the answer is 501, and says why."

OPERATIONS: Mapping[Operation, Described] = {
    do.list_operations: Described(
        summary="The operations that role definitions can name.",
        role=None,
        replies={200: CatalogueEntryPage},
    ),
    # --- configurations and assignments ---
    do.list_configurations: Described(
        summary="List the configurations in a subscription or a resource group.",
        replies={200: ConfigurationPage},
        parameters=_PAGED,
    ),
    do.get_configuration: Described(
        summary="Get a configuration.",
        replies={200: Configuration, 304: None},
        parameters=_CACHED,
        headers=("ETag",),
    ),
    do.put_configuration: Described(
        summary="Create or replace a configuration.",
        role=Role.ADMINISTRATOR,
        body=ConfigurationBody,
        examples=examples.SCHEDULES,
        replies={200: Configuration, 201: Configuration},
        parameters=_GUARDED,
        headers=("ETag", "Muster-Warning"),
    ),
    do.patch_configuration: Described(
        summary="Change members of a configuration.",
        role=Role.ADMINISTRATOR,
        body=MergePatch,
        examples=examples.TAG,
        replies={200: Configuration},
        parameters=_GUARDED,
        headers=("ETag", "Muster-Warning"),
    ),
    do.delete_configuration: Described(
        summary="Delete a configuration with its assignments, and cancel its open runs.",
        role=Role.ADMINISTRATOR,
        replies={200: Configuration, 204: None},
        parameters=_GUARDED,
    ),
    do.list_assignments: Described(
        summary="List the assignments in a subscription or a resource group, or of a machine.",
        replies={200: AssignmentPage},
        parameters=_PAGED,
    ),
    do.get_assignment: Described(
        summary="Get an assignment.",
        replies={200: Assignment, 304: None},
        parameters=_CACHED,
        headers=("ETag",),
    ),
    do.put_assignment: Described(
        summary="Create or replace an assignment: static at a machine, else a dynamic scope.",
        role=Role.ADMINISTRATOR,
        body=AssignmentBody,
        examples=examples.ASSIGNMENTS,
        replies={200: Assignment, 201: Assignment},
        parameters=_GUARDED,
        headers=("ETag",),
    ),
    do.patch_assignment: Described(
        summary="Change members of an assignment.",
        role=Role.ADMINISTRATOR,
        body=MergePatch,
        examples=examples.MOVED,
        replies={200: Assignment},
        parameters=_GUARDED,
        headers=("ETag",),
    ),
    do.delete_assignment: Described(
        summary="Delete an assignment.",
        role=Role.ADMINISTRATOR,
        replies={200: Assignment, 204: None},
        parameters=_GUARDED,
    ),
    own.preview: Described(
        summary="What a run of this configuration would do now; the body holds what is not stored yet.",
        body=PreviewBody,
        may_lack_body=True,
        examples=examples.UNSAVED,
        replies={200: Preview},
        parameters=_PAGED,
    ),
    # --- runs, jobs, updates ---
    do.list_runs: Described(
        summary="List the runs in a subscription or a resource group.",
        replies={200: RunPage},
        parameters=_PAGED,
    ),
    own.page_runs: Described(
        summary="List the runs of a configuration, oldest first.",
        replies={200: RunPage},
        parameters=(*_PAGED, "status"),
    ),
    do.get_latest_run_on_demand: Described(
        summary="The latest run of this configuration that was started on demand.",
        replies={200: Run},
    ),
    do.start_configuration_run: Described(
        summary="Start a run of this configuration now, or answer with the one that is active.",
        role=Role.OPERATOR,
        body=StartBody,
        may_lack_body=True,
        replies={200: Run},
    ),
    do.get_run: Described(summary="Get a run.", replies={200: Run}),
    do.put_run: Described(
        summary="Cancel a run, before its start or under way.",
        role=Role.OPERATOR,
        body=CancelBody,
        examples=examples.CANCEL,
        replies={200: Run},
    ),
    do.get_latest_machine_run: Described(
        summary="The latest run that was started for this machine only.", replies={200: Run}
    ),
    do.start_machine_runs: Described(
        summary="Start a run with this machine only, for each configuration that matches it.",
        role=Role.OPERATOR,
        body=StartBody,
        may_lack_body=True,
        replies={200: Run},
    ),
    do.get_machine_run: Described(
        summary="Get a run in which the machine has a job.", replies={200: Run}
    ),
    do.put_machine_run: Described(
        summary="Cancel a run of this machine only.",
        role=Role.OPERATOR,
        body=CancelBody,
        examples=examples.CANCEL,
        replies={200: Run},
    ),
    own.list_jobs: Described(
        summary="List the machines of a run.",
        replies={200: JobPage},
        parameters=(*_PAGED, "outcome"),
    ),
    own.get_job: Described(summary="Get one machine of a run.", replies={200: Job}),
    own.list_updates: Described(
        summary="What became of each update of a machine.", replies={200: InstalledUpdatePage}
    ),
    do.list_pending_updates: Described(
        summary="What a machine can expect at its next window: one update, or none.",
        replies={200: PendingUpdatePage},
    ),
    # --- machines ---
    own.get_assessment: Described(
        summary="What a machine lacks, by its latest assessment.", replies={200: Assessment}
    ),
    own.assess: Described(
        summary="Ask for assessments now, of machines or of a configuration's machines.",
        role=Role.OPERATOR,
        body=AskBody,
        examples=examples.MACHINES,
        replies={200: MachineAnswerPage},
    ),
    own.consent: Described(
        summary="Let schedules patch VMs: those named, or those of a configuration.",
        role=Role.ADMINISTRATOR,
        body=AskBody,
        examples=examples.MACHINES,
        replies={200: MachineAnswerPage},
    ),
    own.list_servers: Described(
        summary="List the servers on premises in a subscription or a resource group.",
        replies={200: ServerPage},
        parameters=_PAGED,
    ),
    own.get_server: Described(
        summary="Get a server on premises.",
        replies={200: Server, 304: None},
        parameters=_CACHED,
        headers=("ETag",),
    ),
    own.put_server: Described(
        summary="Register a server on premises, or replace what is registered of it.",
        role=Role.ADMINISTRATOR,
        body=ServerBody,
        examples=examples.SERVERS,
        replies={200: Server, 201: Server},
        parameters=_GUARDED,
        headers=("ETag",),
    ),
    own.delete_server: Described(
        summary="Take a server on premises off the registry; its assignments stay.",
        role=Role.ADMINISTRATOR,
        replies={200: Server, 204: None},
        parameters=_GUARDED,
    ),
    # --- what has nothing to do here ---
    unserved.list_public_configurations: Described(
        summary="An empty list: Muster has no public configurations.",
        replies={200: ConfigurationPage},
    ),
    unserved.get_public_configuration: Described(
        summary="Not served: there are no public configurations, and the answer is 404."
    ),
    unserved.refuse_scheduled_event: Described(summary=_NOT_SERVED),
    unserved.refuse_nested: Described(summary=_NOT_SERVED),
}
