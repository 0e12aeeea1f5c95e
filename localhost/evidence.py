"""The checker over a running stage: from storage and the local Azure's own log of calls."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from localhost.azure.calls import Call
from shared.application.invariants import Evidence, LoggedInstall, Violation, violations
from shared.application.ports import Services


async def broken_invariants(
    services: Services, installs: Sequence[Call], **more: Any
) -> list[Violation]:
    """What is broken; *installs* are the calls that the local Azure accepted as installs."""
    return await violations(services, Evidence(installs=logged(installs), **more))


def logged(calls: Iterable[Call]) -> list[LoggedInstall]:
    """Those of the calls that the local Azure accepted as installs."""
    return [
        LoggedInstall(
            machine_id=call.machine or "",
            at=call.at,
            client_request_id=call.client_request_id or "",
        )
        for call in calls
        if call.operation == "install" and call.activity
    ]


def read_calls(lines: Iterable[str]) -> list[Call]:
    """Calls from the lines that the local Azure's log has on disk; one that a kill has cut off is none."""
    return [read_call(json.loads(line)) for line in lines if line.endswith("}\n")]


def read_call(document: Mapping[str, Any]) -> Call:
    """A call from its JSON."""
    values = {name: value for name, value in document.items() if name != "effect"}
    return Call(**{**values, "at": datetime.fromisoformat(values["at"])})
