"""What these tests build from: machines with three updates each, and a clock that stands still."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from localhost.azure.fleet import Kind, Machine
from localhost.azure.updates import ALWAYS_REBOOTS, Os, Update

SUBSCRIPTION = "6b1f0c52-8d3e-4f7a-9a41-000000000001"
INSTALL_TIME = timedelta(minutes=10)

WINDOWS_UPDATES = (
    Update(
        patch_id="w-sec", name="Rollup", kb="1", classification="Security", reboot=ALWAYS_REBOOTS
    ),
    Update(patch_id="w-crit", name="Boot", kb="2", classification="Critical"),
    Update(patch_id="w-def", name="Defender", kb="3", classification="Definition"),
)
LINUX_UPDATES = (
    Update(
        patch_id="l-kernel",
        name="kernel",
        version="6.8",
        classification="Critical",
        reboot=ALWAYS_REBOOTS,
    ),
    Update(patch_id="l-ssl", name="libssl:amd64", version="3.0", classification="Security"),
    Update(patch_id="l-tz", name="tzdata", version="2026a", classification="Other"),
)


@dataclass(slots=True)
class StandingClock:
    """Aware UTC that moves when it is told to."""

    instant: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.instant

    def advance(self, by: timedelta) -> None:
        self.instant += by


def machine(name: str, *, kind: Kind = Kind.VM, os: Os = Os.WINDOWS, **changes: object) -> Machine:
    facts: dict[str, object] = {
        "subscription": SUBSCRIPTION,
        "resource_group": "RG-web",
        "location": "westeurope",
        "tags": {"Env": "prod"},
        "missing": WINDOWS_UPDATES if os is Os.WINDOWS else LINUX_UPDATES,
        **changes,
    }
    return Machine(name=name, kind=kind, os=os, **facts)  # type: ignore[arg-type]
