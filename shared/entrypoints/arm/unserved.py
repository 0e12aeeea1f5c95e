"""Operations of Microsoft.Maintenance that have nothing to do here: a true, empty list, or a sentence that says why.

They tell nothing of anybody's, but want a reader as all others do.
"""

from shared.application.callers import Role, require
from shared.application.ports import Services
from shared.entrypoints.arm.replies import Reply, listed
from shared.entrypoints.arm.requests import ArmRequest
from shared.errors import NotFoundError, NotServedError


async def list_public_configurations(services: Services, request: ArmRequest) -> Reply:
    require(request.caller, Role.READER)
    return listed([])


async def get_public_configuration(services: Services, request: ArmRequest) -> Reply:
    require(request.caller, Role.READER)
    raise NotFoundError(
        f"There is no public maintenance configuration '{request.address.name}': they are "
        "Microsoft's own, for Azure SQL, and Muster patches guests."
    )


async def refuse_scheduled_event(services: Services, request: ArmRequest) -> Reply:
    require(request.caller, Role.READER)
    raise NotServedError(
        "Scheduled events come from Azure's hosts and are acknowledged there: Muster patches "
        "guests and announces none."
    )


async def refuse_nested(services: Services, request: ArmRequest) -> Reply:
    require(request.caller, Role.READER)
    raise NotServedError(
        "Muster patches Azure VMs, Arc-enabled servers and servers of its own, none of which lies "
        "beneath another resource. Machines of a scale set are patched by the scale set."
    )
