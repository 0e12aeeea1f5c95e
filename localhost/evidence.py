"""The checker over a running stage: from storage and the local Azure's own log of calls."""

from collections.abc import Sequence
from typing import Any

from localhost.azure.calls import Call
from shared.application.invariants import Evidence, LoggedInstall, Violation, violations
from shared.application.ports import Services


async def broken_invariants(
    services: Services, installs: Sequence[Call], **more: Any
) -> list[Violation]:
    """What is broken; *installs* are the calls that the local Azure accepted as installs."""
    logged = [
        LoggedInstall(
            machine_id=call.machine or "",
            at=call.at,
            client_request_id=call.client_request_id or "",
        )
        for call in installs
    ]
    return await violations(services, Evidence(installs=logged, **more))
