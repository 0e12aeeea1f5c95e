"""What can be foretold of a configuration's next runs: when they come, and what an administrator should know before.

A warning is no error: the configuration may be stored as it is. Source of the number of requests: the header
`x-ms-ratelimit-remaining-resource` of Azure's patch operations (`PatchOperation30Min`), about 600 at first.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from shared.domain.assessment import is_widened
from shared.domain.configuration import MaintenanceConfiguration
from shared.domain.install_patches import azure_unsupported
from shared.domain.machine import Machine, MachineType, OsType
from shared.domain.time_zones import LATEST
from shared.domain.window import MaintenanceWindow, Window

REQUESTS = 600
PERIOD = timedelta(minutes=30)
"""Azure takes about `REQUESTS` patch requests in each `PERIOD`, subscription and region."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A warning: a stable `code`, a sentence, and what it is about (an assignment's id, or empty)."""

    code: str
    message: str
    target: str = ""


def coming(window: MaintenanceWindow, now: datetime, *, count: int) -> tuple[Window, ...]:
    """The next *count* occurrences after *now*, or as many as there are."""
    found = islice(window.between(now, LATEST), count)
    return tuple(Window(starts_at=one, duration=window.duration) for one in found)


def notices(
    configuration: MaintenanceConfiguration,
    patched: Iterable[Machine],
    *,
    now: datetime,
    cut_off: timedelta,
) -> Iterator[Notice]:
    """What to know of a configuration that would patch these machines; *cut_off* as for Azure's machines."""
    if unsupported := azure_unsupported(configuration.effective, OsType.LINUX):
        yield Notice(code="UnsupportedClassifications", message=unsupported)
    if is_widened(configuration.effective):
        yield Notice(
            code="SecurityIncludesCritical",
            message="On Azure and Arc machines the Linux classification Security installs Critical "
            "updates too: Azure's agent widens it.",
        )
    if configuration.window.next_after(now) is None:
        yield Notice(code="NoOccurrence", message="The window never opens again.")
    yield from _crowded(patched, configuration.window.duration - cut_off)


def _crowded(patched: Iterable[Machine], time: timedelta) -> Iterator[Notice]:
    """Where more machines are to be started than Azure takes requests in *time*."""
    fit = int(REQUESTS * max(time / PERIOD, 1))
    places = Counter(
        (machine.subscription.lower(), machine.location.lower())
        for machine in patched
        if machine.type is not MachineType.SERVER
    )
    for (subscription, region), count in sorted(places.items()):
        if count > fit:
            yield Notice(
                code="PatchBudget",
                message=f"{count} machines in {region} of subscription {subscription}, but Azure "
                f"takes about {REQUESTS} patch requests in 30 minutes there: about {fit} can be "
                "started in the window. Make it longer, or spread the machines.",
            )
