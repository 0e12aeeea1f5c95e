"""What every benchmark runs: one configuration, and a scope over all machines of each subscription."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from shared.domain.records import RunId, run_key

EPOCH = datetime(2026, 6, 1, 1, 59, tzinfo=UTC)
"""Virtual time at the start."""


async def configure(
    host: str, subscriptions: Sequence[str], *, opens_at: datetime, duration: timedelta
) -> RunId:
    """Store the configuration and its scopes through the host's address; the run that they will have.

    *opens_at* is a full minute to come.
    """
    group = f"/subscriptions/{subscriptions[0]}/resourceGroups/ops"
    configuration_id = f"{group}/providers/Microsoft.Maintenance/maintenanceConfigurations/bench"
    scope = {"properties": {"maintenanceConfigurationId": configuration_id, "filter": {}}}
    documents = {configuration_id: _configuration(opens_at, duration)} | {
        f"/subscriptions/{one}/providers/Microsoft.Maintenance/configurationAssignments/all": scope
        for one in subscriptions
    }
    async with aiohttp.ClientSession() as http:
        for path, body in documents.items():
            url = f"{host}{path}?api-version=2023-04-01"
            async with http.put(url, json=body, raise_for_status=True):
                pass
    return RunId(configuration_id=configuration_id, key=run_key(opens_at))


def _configuration(opens_at: datetime, duration: timedelta) -> dict[str, Any]:
    hours, minutes = divmod(duration // timedelta(minutes=1), 60)
    urgent = {"classificationsToInclude": ["Critical", "Security"]}
    return {
        "location": "westeurope",
        "properties": {
            "maintenanceScope": "InGuestPatch",
            "extensionProperties": {"InGuestPatchMode": "User"},
            "maintenanceWindow": {
                "startDateTime": f"{opens_at:%Y-%m-%d %H:%M}",
                "duration": f"{hours:02}:{minutes:02}",
                "timeZone": "UTC",
                "recurEvery": "Day",
            },
            "installPatches": {"windowsParameters": urgent, "linuxParameters": urgent},
        },
    }
