"""What Muster's own operations take and give; only what is known is sent."""

from collections import Counter
from typing import Annotated, Any

from pydantic import model_validator

from shared.application.assignment_body import configuration_id
from shared.application.bodies import ExactBody, text
from shared.application.ports import MachineRequest
from shared.application.preview_configuration import ForetoldMachine, Preview
from shared.domain.assessment import Assessment
from shared.domain.ids import ResourceId
from shared.domain.selection import Selection
from shared.domain.updates import Update, UpdateState
from shared.entrypoints.arm.replies import Json
from shared.entrypoints.arm.schemas import known
from shared.errors import InvalidRequestError

ASSESSMENT_TYPE = "Muster.Maintenance/assessment"


def preview_members(preview: Preview) -> dict[str, Any]:
    """What a preview says of all machines together."""
    return {
        "machineCount": preview.machine_count,
        "patchedCount": preview.patched_count,
        "occurrences": [
            known({"startTime": one.starts_at, "endTime": one.ends_at}) for one in preview.windows
        ],
        "warnings": [
            known({"code": one.code, "message": one.message, "target": one.target})
            for one in preview.notices
        ],
    }


def foretold_resource(foretold: ForetoldMachine) -> Json:
    """One machine of a preview: if an assessment is known, which updates would be installed and which would not."""
    machine, refusal = foretold.machine, foretold.refusal
    facts = machine.state.machine if machine.state else None
    selection, assessment = foretold.selection, foretold.assessment
    properties = {
        "location": facts and facts.location,
        "osType": facts and facts.os_type,
        "matchedBy": list(machine.matched_by),
        "willBePatched": refusal is None,
        "reason": refusal and refusal.reason,
        "message": refusal and refusal.message,
        "assessedTime": assessment and assessment.assessed_at,
        "assessmentRequest": foretold.request and _request(foretold.request),
        "updates": selection and [_update(update) for update in selection.selected],
        "leftOut": selection and _left_out(selection),
        "excludedCount": selection and len(selection.excluded),
        "notSelectedCount": selection and len(selection.not_selected),
    }
    name = ResourceId.parse(machine.id).name
    return {
        "id": machine.id,
        "name": name,
        "type": machine.type,
        "properties": known(properties),
    }


def assessment_resource(
    resource_id: str, assessment: Assessment, asked: MachineRequest | None
) -> Json:
    """What a machine lacks; *asked* is the latest request for an assessment, which may be newer than this one."""
    counts = Counter(update.classification for update in assessment.updates)
    properties = {
        "resourceId": assessment.machine_id,
        "osType": assessment.os_type,
        "status": assessment.status,
        "assessedTime": assessment.assessed_at,
        "rebootPending": assessment.reboot_pending,
        "error": assessment.error,
        "requestedTime": asked and asked.at,
        "requestedBy": asked and asked.by,
        "counts": dict(sorted(counts.items())),
        "updates": [_update(update) for update in assessment.updates],
    }
    return {
        "id": resource_id,
        "name": "assessment",
        "type": ASSESSMENT_TYPE,
        "properties": known(properties),
    }


def request_resource(request: MachineRequest) -> Json:
    """What became of a request to one machine."""
    return {"resourceId": request.machine_id, **_request(request)}


def _request(request: MachineRequest) -> Json:
    return known(
        {
            "answer": request.answer,
            "message": request.message,
            "requestedTime": request.at,
            "requestedBy": request.by,
        }
    )


def _left_out(selection: Selection) -> list[Json]:
    parts = (
        (UpdateState.EXCLUDED, selection.excluded),
        (UpdateState.NOT_SELECTED, selection.not_selected),
    )
    return [{**_update(one), "installationState": state} for state, some in parts for one in some]


def _update(update: Update) -> Json:
    return known(
        {
            "name": update.name,
            "kbId": update.kb,
            "version": update.version,
            "classification": update.classification,
            "rebootBehavior": update.reboot_behavior,
        }
    )


class AskBody(ExactBody):
    """`{"machines": [ids]}` or `{"configuration": id}`."""

    machines: list[str] | None = None
    configuration: Annotated[str | None, text(configuration_id)] = None

    @model_validator(mode="after")
    def _is_one_of_two(self) -> "AskBody":
        if bool(self.machines) == bool(self.configuration):
            raise InvalidRequestError("Name either machines or a configuration.")
        return self
