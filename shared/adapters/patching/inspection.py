"""The GET of a machine, whatever its provider."""

from collections.abc import Mapping
from typing import Any

from shared.adapters.arm import ArmClient
from shared.adapters.inventory.facts import read_tags
from shared.domain.ids import ResourceId
from shared.domain.machine import Machine, MachineType, OsType
from shared.errors import UnavailableError


async def get_document(
    arm: ArmClient, machine_id: str, *, api_version: str, expand: str = ""
) -> Mapping[str, Any] | None:
    """The machine's ARM document, or None when it is gone; raises `UnavailableError`."""
    parameters = {"$expand": expand} if expand else {}
    reply = await arm.get(machine_id, api_version=api_version, parameters=parameters)
    if reply.status == 404:
        return None
    document = reply.expect(200).body
    if not isinstance(document, Mapping):
        raise UnavailableError("Azure answered with something that is no machine.")
    return document


def read_machine(
    document: Mapping[str, Any], *, machine_type: MachineType, os_type: OsType | None
) -> Machine:
    """The machine of a document, in the reply's spelling; raises `UnavailableError` without an id."""
    try:
        parsed = ResourceId.parse(str(document.get("id")))
    except ValueError as error:
        raise UnavailableError("Azure answered with a machine that has no id.") from error
    return Machine(
        id=parsed.text,
        type=machine_type,
        subscription=parsed.subscription,
        resource_group=parsed.resource_group,
        location=str(document.get("location") or ""),
        os_type=os_type,
        tags=read_tags(document.get("tags")),
    )
