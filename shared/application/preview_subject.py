"""What a preview is asked about: a configuration and its assignments, stored or not yet stored.

A body may hold `properties`, a configuration in place of the stored one, and `assignments`, in place of the stored
ones; each of these names in `properties.resourceId` what it would hang on. `assessmentAge` takes the place of the
setting of that name, for this preview.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from shared.application.assignments import new_assignment
from shared.application.bodies import Body, read_body, refusal_of, text
from shared.application.callers import Caller
from shared.application.configurations import get_configuration
from shared.application.documents import parse_configuration
from shared.application.ports import Services, StoredAssignment
from shared.domain.configuration import MaintenanceConfiguration
from shared.domain.ids import id_key
from shared.errors import Detail, InvalidRequestError, LimitExceededError

T = TypeVar("T")

_DURATION = TypeAdapter(timedelta)
_LONGEST_AGE = timedelta(days=3650)


class UnsavedProperties(Body):
    """As the properties of an assignment; its configuration is the one that is previewed."""

    model_config = ConfigDict(extra="allow")

    resource_id: str
    """What the assignment would hang on."""


class UnsavedAssignment(Body):
    """An assignment as it might be."""

    name: str | None = None
    properties: UnsavedProperties


def parse_age(written: str) -> timedelta:
    """An ISO 8601 duration, such as `P1D`, from none to ten years; raises `InvalidRequestError`."""
    try:
        age = _DURATION.validate_python(written) if written.startswith("P") else None
    except ValidationError:
        age = None
    if age is None or age > _LONGEST_AGE:
        raise InvalidRequestError("This must be an ISO 8601 duration of at most ten years, as P1D.")
    return age


class PreviewBody(Body):
    """What stands in place of what is stored or set."""

    properties: dict[str, Any] | None = None
    """As the properties of a configuration."""
    assignments: list[UnsavedAssignment] | None = None
    assessment_age: Annotated[timedelta | None, text(parse_age)] = None
    """Have machines assessed whose assessment is older, an ISO 8601 duration (Operator); PT0S has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A configuration and its assignments; `assessment_age` is None where the request does not say."""

    configuration: MaintenanceConfiguration
    assignments: list[StoredAssignment]
    assessment_age: timedelta | None


async def read_subject(
    services: Services, configuration_id: str, body: Mapping[str, Any], *, caller: Caller
) -> Subject:
    """The configuration and its assignments, each unsaved if the body has it, else stored.

    Raises `InvalidRequestError` with one detail for each mistake, `LimitExceededError`, and `NotFoundError`.
    """
    sent = read_body(PreviewBody, body)
    document = body
    if sent.properties is None:
        document = (await get_configuration(services, configuration_id, caller=caller)).document
    mistakes: list[Detail] = []
    configuration = _attempt(lambda: parse_configuration(configuration_id, document), mistakes)
    if sent.assignments is None:
        assignments = [one async for one in services.assignments.list_of(configuration_id)]
    else:
        _check_count(services, sent.assignments)
        place = _Place(services=services, configuration_id=configuration_id, caller=caller)
        assignments = [
            found
            for at, one in enumerate(sent.assignments)
            if (
                found := _attempt(
                    partial(place.assignment, one, at), mistakes, f"assignments[{at}]"
                )
            )
        ]
    if configuration is None or mistakes:
        raise refusal_of(mistakes)
    return Subject(
        configuration=configuration,
        assignments=assignments,
        assessment_age=sent.assessment_age,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What unsaved assignments belong to."""

    services: Services
    configuration_id: str
    caller: Caller

    def assignment(self, sent: UnsavedAssignment, at: int) -> StoredAssignment:
        """What a PUT of the assignment would store; it may leave out its configuration, but name no other."""
        own = {"maintenanceConfigurationId": self.configuration_id}
        assignment = new_assignment(
            self.services,
            sent.properties.resource_id,
            name=sent.name or f"unsaved-{at + 1}",
            document={"properties": own | sent.properties.model_dump(by_alias=True)},
            caller=self.caller,
        )
        if id_key(assignment.configuration_id) != id_key(self.configuration_id):
            raise InvalidRequestError(
                f"This must be absent, or what is previewed: '{self.configuration_id}'.",
                target="properties.maintenanceConfigurationId",
            )
        return assignment


def _check_count(services: Services, sent: Sequence[UnsavedAssignment]) -> None:
    limit = services.limits.scopes_per_configuration
    if len(sent) > limit:
        raise LimitExceededError(
            f"A preview takes at most {limit} assignments.", target="assignments"
        )


def _attempt(call: Callable[[], T], mistakes: list[Detail], prefix: str = "") -> T | None:
    """What *call* gives; or None, and what is wrong is among the *mistakes*, its target behind *prefix*."""
    try:
        return call()
    except InvalidRequestError as error:
        own = Detail(code=error.code, message=error.message, target=error.target)
        for one in error.details or (own,):
            path = ".".join(filter(None, (prefix, one.target)))
            mistakes.append(replace(one, target=path or None))
    return None
