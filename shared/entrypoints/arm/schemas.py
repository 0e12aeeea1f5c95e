"""The resources as they go on the wire.

Documents come back as they were sent; `id`, `name`, `type` and, where it is asked for, `systemData` are ours. Of runs,
jobs and updates only what is known is sent: a member that is missing is not known, or not yet.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, TypeAdapter

from shared.application.bodies import Body, text
from shared.application.configuration_body import CONFIGURATION_TYPE
from shared.application.pending_updates import PendingUpdate
from shared.application.ports import StoredAssignment, StoredConfiguration, StoredServer
from shared.domain.machine import MachineType
from shared.domain.records import Job, Run, RunId
from shared.domain.run import Outcome, RunStatus
from shared.domain.updates import UpdateRecord
from shared.entrypoints.arm.replies import Json
from shared.errors import InvalidRequestError

ASSIGNMENT_TYPE = "Microsoft.Maintenance/configurationAssignments"
RUN_TYPE = "Microsoft.Maintenance/applyUpdates"
JOB_TYPE = f"{RUN_TYPE}/jobs"
_OURS = {"id", "name", "type", "systemData"}
Stored = StoredConfiguration | StoredAssignment | StoredServer
_DURATION = TypeAdapter(timedelta)


def configuration_resource(stored: StoredConfiguration) -> Json:
    """A maintenance configuration."""
    return _resource(stored, name=stored.id.rpartition("/")[2], kind=CONFIGURATION_TYPE)


def assignment_resource(stored: StoredAssignment) -> Json:
    """A configuration assignment; as Azure's, it names what it hangs on if the sender did not."""
    resource = _resource(stored, name=stored.name, kind=ASSIGNMENT_TYPE)
    properties = dict(resource["properties"])
    if properties.get("resourceId") is None:
        properties["resourceId"] = stored.scope_id
    return {**resource, "properties": properties}


def server_resource(stored: StoredServer) -> Json:
    """A server on premises, with who named its host key, and when; never a key that is secret."""
    resource = _resource(stored, name=stored.id.rpartition("/")[2], kind=MachineType.SERVER)
    resource.pop("hostKeyData", None)  # a reply that was sent back
    if stored.host_key_since is None:
        return resource
    told = {
        "namedBy": stored.host_key_by,
        "namedByType": _author(stored.host_key_by_kind),
        "namedAt": instant(stored.host_key_since),
    }
    if stored.trusted_host_key:
        told["trustedKey"] = stored.trusted_host_key
    return {**resource, "hostKeyData": told}


def with_authors(resource: Json, stored: Stored) -> Json:
    """A resource with `systemData`: who created and who last changed it, and when."""
    authors = {
        "createdBy": stored.created_by,
        "createdByType": _author(stored.created_by_kind),
        "createdAt": instant(stored.created_at),
        "lastModifiedBy": stored.modified_by,
        "lastModifiedByType": _author(stored.modified_by_kind),
        "lastModifiedAt": instant(stored.modified_at),
    }
    return {**resource, "systemData": authors}


def run_resource(run: Run) -> Json:
    """A run, in the shape of an apply update."""
    stops = [run.created_at, run.frozen_at, run.resolved_at, run.closed_at]
    cancelled = run.cancellation
    properties = {
        "status": run.status,
        "resourceId": run.configuration_id,
        "lastUpdateTime": max(stop for stop in [*stops, cancelled and cancelled.at] if stop),
        "kind": run.kind,
        "startTime": run.starts_at,
        "windowEndTime": run.ends_at,
        "endTime": run.closed_at,
        "createdTime": run.created_at,
        "createdBy": run.created_by,
        "cancelledTime": cancelled and cancelled.at,
        "cancelledBy": cancelled and cancelled.by,
        "reason": run.reason or (cancelled and cancelled.reason),
        "message": run.message,
        "targetResourceId": run.target,
        "requestId": run.request_id,
        "unresolvedScopes": run.unresolved_scopes,
        "openJobs": run.open_jobs,
        "counts": {_camel(outcome): run.counts.get(outcome, 0) for outcome in Outcome},
    }
    return {"id": run.id.text, "name": run.key, "type": RUN_TYPE, "properties": known(properties)}


def cancelled_run_resource(run: Run) -> Json:
    """A run as its cancellation is answered: `Cancelled`, also while what had been started still finishes."""
    resource = run_resource(run)
    return {**resource, "properties": {**resource["properties"], "status": RunStatus.CANCELLED}}


def job_resource(run_id: RunId, job: Job) -> Json:
    """One machine's job; the address to ask after the install is left out, for it may bear a signature."""
    waits = job.outcome is None
    properties = {
        "resourceId": job.machine_id,
        "resourceType": job.machine_type,
        "subscriptionId": job.subscription,
        "location": job.location,
        "osType": job.os_type,
        "matchedBy": job.matched_by,
        "phase": job.phase,
        "outcome": job.outcome,
        "reason": job.reason,
        "message": job.message,
        "heldBy": job.held_by if waits else None,
        "heldMessage": job.held_message if waits else None,
        "notBefore": job.not_before,
        "dispatchTime": job.dispatched_at,
        "startTime": job.starting_at,
        "endTime": job.ended_at,
        "maximumDuration": job.maximum_duration,
        "activityId": job.activity_id,
        "adopted": job.adopted,
        "counts": {
            "installed": job.counts.installed,
            "failed": job.counts.failed,
            "pending": job.counts.pending,
            "excluded": job.counts.excluded,
            "notSelected": job.counts.not_selected,
        },
        "trace": list(job.trace),
    }
    return {
        "id": f"{run_id.text}/jobs/{job.key}",
        "name": job.key,
        "type": JOB_TYPE,
        "properties": known(properties),
    }


def update_resource(update: UpdateRecord) -> Json:
    """What became of one update."""
    return known(
        {
            "name": update.name,
            "kbId": update.kb,
            "version": update.version,
            "classification": update.classification,
            "installationState": update.state,
        }
    )


def pending_update_resource(pending: PendingUpdate) -> Json:
    """The update that a machine can expect at its next window."""
    return {
        "maintenanceScope": "InGuestPatch",
        "impactType": "Restart" if pending.may_reboot else "None",
        "status": "Pending",
        "notBefore": instant(pending.not_before),
        "properties": {"resourceId": pending.machine_id},
    }


# --- what is sent to a run -----------------------------------------------------------------------


def _cancel(status: str) -> str:
    if status.lower() != "cancel":
        raise InvalidRequestError("A run can only be sent the status Cancel.")
    return status


def _anything_but_cancel(status: str | None) -> str | None:
    if status is not None and status.lower() == "cancel":
        raise InvalidRequestError("To cancel, name the run in place of 'default'.")
    return status


class CancelProperties(Body):
    """The status to reach."""

    status: Annotated[str, text(_cancel)]


class CancelBody(Body):
    """`{"properties": {"status": "Cancel"}}`."""

    properties: CancelProperties


class StartProperties(Body):
    """Nothing that is read, but a status of Cancel is refused."""

    status: Annotated[str | None, AfterValidator(_anything_but_cancel)] = None


class StartBody(Body):
    """Clients that start a run send nothing, or what they got; never a wish to cancel."""

    properties: StartProperties = StartProperties()


# --- parts ---------------------------------------------------------------------------------------


def _resource(stored: Stored, *, name: str, kind: str) -> dict[str, Any]:
    sent = {member: value for member, value in stored.document.items() if member not in _OURS}
    return {"id": stored.id, "name": name, "type": kind, **sent}


def _author(kind: str) -> str:
    """Azure knows no third kind: what Muster does by itself an application does."""
    return kind if kind == "User" else "Application"


def known(members: Mapping[str, object]) -> dict[str, Any]:
    """The members that have a value, as JSON."""
    return {name: _plain(value) for name, value in members.items() if value not in (None, "")}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, timedelta):
        return _DURATION.dump_python(value, mode="json")
    return value


def instant(value: datetime) -> str:
    """ISO 8601 in UTC, with a Z."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _camel(outcome: Outcome) -> str:
    return outcome[0].lower() + outcome[1:]
