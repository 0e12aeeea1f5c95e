"""The shapes of the replies to Muster's own operations; what `reply_shapes` says of its own holds here too."""

from datetime import datetime, timedelta
from typing import Literal

from shared.application.ports import RequestAnswer
from shared.domain.machine import MachineType, OsType
from shared.domain.run import Outcome, Phase, Reason
from shared.domain.updates import UpdateState
from shared.entrypoints.arm.reply_shapes import ABSENT, ErrorPart, Page, Shape

# --- jobs and updates ----------------------------------------------------------------------------


class UpdateCounts(Shape):
    """Updates by what became of them."""

    installed: int
    failed: int
    pending: int
    excluded: int
    not_selected: int


class JobProperties(Shape):
    """How a job stands."""

    resource_id: str
    """The machine."""
    resource_type: MachineType
    subscription_id: str
    location: str = ABSENT
    os_type: OsType = ABSENT
    matched_by: str = ABSENT
    """The assignment; absent in a run of one machine."""
    phase: Phase
    outcome: Outcome = ABSENT
    reason: Reason = ABSENT
    message: str = ABSENT
    held_by: Reason = ABSENT
    """What keeps it from starting for now."""
    held_message: str = ABSENT
    not_before: datetime = ABSENT
    dispatch_time: datetime = ABSENT
    start_time: datetime = ABSENT
    end_time: datetime = ABSENT
    maximum_duration: timedelta = ABSENT
    activity_id: str = ABSENT
    """Azure's id of the install."""
    adopted: bool
    """The install was found by its time, for the reply to its request was lost."""
    counts: UpdateCounts
    trace: list[str]
    """What a later word replaced."""


class Job(Shape):
    """One machine in one run."""

    id: str
    name: str
    type: str
    properties: JobProperties


class JobPage(Page):
    """The machines of a run."""

    value: list[Job]


class InstalledUpdate(Shape):
    """What became of one update."""

    name: str
    kb_id: str = ABSENT
    version: str = ABSENT
    classification: str
    installation_state: UpdateState


class InstalledUpdatePage(Page):
    """Updates of one job."""

    value: list[InstalledUpdate]


# --- previews, assessments, consent --------------------------------------------------------------


class MissingUpdate(Shape):
    """One update that a machine lacks."""

    name: str
    kb_id: str = ABSENT
    version: str = ABSENT
    classification: str
    reboot_behavior: str = ABSENT


class LeftOutUpdate(MissingUpdate):
    """One update that a machine lacks and would not be given."""

    installation_state: Literal[UpdateState.EXCLUDED, UpdateState.NOT_SELECTED]


class MachineRequest(Shape):
    """A request to a machine, and what became of it."""

    answer: RequestAnswer
    message: str = ABSENT
    requested_time: datetime
    requested_by: str


class ForetoldProperties(Shape):
    """What a run would do with a machine."""

    location: str = ABSENT
    os_type: OsType = ABSENT
    matched_by: list[str]
    will_be_patched: bool
    reason: Reason = ABSENT
    """What its job would be skipped with."""
    message: str = ABSENT
    assessed_time: datetime = ABSENT
    assessment_request: MachineRequest = ABSENT
    """Where the assessment is older than wanted: made by this preview, or under way; look again in some minutes."""
    updates: list[MissingUpdate] = ABSENT
    """What would be installed, where an assessment is known."""
    left_out: list[LeftOutUpdate] = ABSENT
    """What would not, for it is excluded or not selected."""
    excluded_count: int = ABSENT
    not_selected_count: int = ABSENT


class ForetoldMachine(Shape):
    """A machine of a preview."""

    id: str
    name: str
    type: str
    properties: ForetoldProperties


class Occurrence(Shape):
    """A window."""

    start_time: datetime
    end_time: datetime


class Preview(Page):
    """What a run would do now: counts, occurrences and warnings are of all machines, `value` is a page of them."""

    value: list[ForetoldMachine]
    machine_count: int
    patched_count: int
    occurrences: list[Occurrence]
    """The next five."""
    warnings: list[ErrorPart]


class AssessmentProperties(Shape):
    """The latest assessment that Azure has."""

    resource_id: str
    os_type: OsType = ABSENT
    status: str
    """Azure's word."""
    assessed_time: datetime
    reboot_pending: bool = ABSENT
    error: str = ABSENT
    requested_time: datetime = ABSENT
    """Of the latest request through Muster; after `assessedTime` while it is under way."""
    requested_by: str = ABSENT
    counts: dict[str, int]
    """Updates by classification."""
    updates: list[MissingUpdate]


class Assessment(Shape):
    """What a machine lacks."""

    id: str
    name: Literal["assessment"]
    type: str
    properties: AssessmentProperties


class MachineAnswer(MachineRequest):
    """What became of a request to one machine."""

    resource_id: str


class MachineAnswerPage(Page):
    """An answer for each machine."""

    value: list[MachineAnswer]
