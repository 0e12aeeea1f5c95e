"""The body of a configuration assignment: its members, and what each may hold.

Unknown members are left alone at the top and in `properties`. Inside `filter` they are refused, since a typo there
would patch something else. Of one list, and of one map of tags, the first mistake is named. The validators' context is
the `ResourceId` that the assignment hangs on.
"""

from typing import Annotated, cast

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo

from shared.application.bodies import Body, ExactBody, text, texts
from shared.application.configuration_body import CONFIGURATION_TYPE
from shared.domain.ids import ResourceId, id_key
from shared.domain.scope import (
    Filter,
    TagOperator,
    parse_locations,
    parse_os_types,
    parse_resource_groups,
    parse_resource_types,
    parse_tag_operator,
    parse_tags,
)
from shared.errors import InvalidRequestError


class TagSettingsBody(ExactBody):
    """Which tags a machine must have, and behind a `!` before the name, which not."""

    tags: Annotated[
        dict[str, tuple[str, ...]],
        PlainValidator(parse_tags, json_schema_input_type=dict[str, list[str]]),
    ] = Field(default_factory=dict)
    filter_operator: Annotated[TagOperator, text(parse_tag_operator)] = TagOperator.ANY
    """Any or All of the named tags."""


class FilterBody(ExactBody):
    """Machines that match each of the members, and in each list one of the values; `!` before a value excludes."""

    resource_types: Annotated[tuple[str, ...], texts(parse_resource_types)] = ()
    """Of Microsoft.Compute/virtualMachines, Microsoft.HybridCompute/machines, Muster.OnPremises/servers."""
    resource_groups: Annotated[tuple[str, ...], texts(parse_resource_groups)] = ()
    locations: Annotated[tuple[str, ...], texts(parse_locations)] = ()
    os_types: Annotated[tuple[str, ...], texts(parse_os_types)] = ()
    """Of Windows, Linux."""
    tag_settings: TagSettingsBody = TagSettingsBody()

    def record(self) -> Filter:
        return Filter(
            resource_types=self.resource_types,
            resource_groups=self.resource_groups,
            locations=self.locations,
            os_types=self.os_types,
            tags=self.tag_settings.tags,
            tag_operator=self.tag_settings.filter_operator,
        )


def configuration_id(text: str) -> str:
    """Read the id of a maintenance configuration; raises `InvalidRequestError`."""
    if ResourceId.parse(text).type.lower() != CONFIGURATION_TYPE.lower():
        raise InvalidRequestError(f"'{text[:200]}' is not the id of a maintenance configuration.")
    return text.rstrip("/")


def _agreeing(resource_id: str | None, info: ValidationInfo) -> str | None:
    scope = cast(ResourceId, info.context)
    if resource_id is not None and id_key(resource_id) != scope.key:
        raise InvalidRequestError(
            f"This must be absent, or what the assignment hangs on: '{scope.text}'."
        )
    return resource_id


def _in_place(sent: FilterBody | None, info: ValidationInfo) -> FilterBody | None:
    scope = cast(ResourceId, info.context)
    if scope.type and sent is not None:
        raise InvalidRequestError("The assignment of one machine has no filter.")
    if not scope.type and sent is None:
        raise InvalidRequestError("A dynamic scope needs a filter; {} says 'every machine'.")
    return sent


class AssignmentProperties(Body):
    """The configuration, and of a dynamic scope the filter; further members are kept."""

    maintenance_configuration_id: Annotated[str, text(configuration_id)]
    """It has to exist."""
    resource_id: Annotated[str | None, AfterValidator(_agreeing)] = None
    """What the assignment hangs on."""
    filter: Annotated[FilterBody | None, AfterValidator(_in_place)] = Field(
        default=None, validate_default=True
    )
    """Required of a dynamic scope, `{}` meaning every machine; refused at one machine."""


class AssignmentBody(Body):
    """A configuration assignment: static at a machine, a dynamic scope elsewhere; further members are kept."""

    location: str | None = None
    properties: AssignmentProperties
