"""The local Azure of a campaign, which keeps what its log of calls does not tell.

1. When Resource Graph shows the updates of an install: the checks forgive a job that lacks them only until then.
2. What a limit said when it refused a patch request: where, and until when.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from localhost.azure import incidents
from localhost.azure.limits import Charge, Cost, Limits, Meter
from localhost.azure.operations import Install
from localhost.azure.server import LocalAzure
from localhost.azure.simulation import LAG
from localhost.campaign.plan import Plan


def azure_limits(plan: Plan) -> Limits:
    """Azure's limits in a plan."""
    limits = Limits()
    if plan.patch_tokens is None:
        return limits
    in_3_min, in_30_min = plan.patch_tokens
    return replace(
        limits,
        patches_3_min=replace(limits.patches_3_min, size=in_3_min),
        patches_30_min=replace(limits.patches_30_min, size=in_30_min),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A patch request that a limit refused: `place` is the subscription and the region, `until` what Azure said."""

    at: datetime
    place: tuple[str, str]
    until: datetime


class WatchedAzure(LocalAzure):
    """A local Azure with a memory: `shown_at` is by activity id, `refusals` come in the order of their calls."""

    def __init__(self, *arguments: Any, limits: Limits | None = None, **options: Any) -> None:
        super().__init__(*arguments, limits=limits, **options)
        self._shown_at: dict[str, datetime] = {}
        self._refusals: list[Refusal] = []
        self.meter = _Meter(limits, self._refusals)

    @property
    def shown_at(self) -> Mapping[str, datetime]:
        """When Resource Graph shows the end of an install, with its updates; an install without an end is not in it."""
        return self._shown_at

    @property
    def refusals(self) -> list[Refusal]:
        """The patch requests that a limit refused."""
        return list(self._refusals)

    def install(self, machine_id: str, body: object) -> Install:
        """As Azure does."""
        install = super().install(machine_id, body)
        if install.ended_at:
            self._shown_at[install.activity_id] = install.ended_at + self._withheld(install) + LAG
        return install

    def _withheld(self, install: Install) -> timedelta:
        """How long a contradiction keeps the end back; a wrong count comes with the right updates."""
        number = self.attempts.counts[f"install {install.machine.key}"]
        contradicted = incidents.contradicted_for(install, self.faults, number=number)
        if contradicted is None or incidents.miscounts(install, self.faults):
            return timedelta()
        return contradicted


class _Meter(Meter):
    """A meter that notes which patch requests it refused."""

    def __init__(self, limits: Limits | None, refusals: list[Refusal]) -> None:
        super().__init__(limits)
        self._refusals = refusals

    def charge(self, cost: Cost, *, subscription: str, region: str, now: datetime) -> Charge:
        charge = super().charge(cost, subscription=subscription, region=region, now=now)
        if cost is Cost.VM_PATCH and charge.throttled_by:
            wait = timedelta(seconds=int(charge.headers["Retry-After"]))
            place = (subscription.lower(), region.replace(" ", "").lower())
            self._refusals.append(Refusal(at=now, place=place, until=now + wait))
        return charge
