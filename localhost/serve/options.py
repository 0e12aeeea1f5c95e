"""How `serve` is to run, and the clock that follows from it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from localhost.azure.faults import Faults
from localhost.azure.simulation import INSTALL_TIME
from localhost.azurite import CUSTOMARY_PORTS, Ports
from localhost.clocks import ManualClock, ScaledClock
from localhost.stage import ROOT
from shared.adapters.clock import SystemClock
from shared.application.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What the command line says.

    `speed` is virtual seconds per real second, None for a clock that is moved from the terminal. `arm` is the address
    of an Azure Resource Manager, None for a simulated one, to which what follows applies.
    """

    port: int = 7071
    tls: bool = False
    state: Path = ROOT / ".local"
    storage_ports: Ports = CUSTOMARY_PORTS
    speed: float | None = 1.0
    arm: str | None = None
    machines: int = 200
    seed: int = 1
    faults: Faults = field(default_factory=Faults)
    install_time: tuple[timedelta, timedelta] = INSTALL_TIME


def clock_for(speed: float | None, *, showed: datetime | None, now: datetime) -> Clock:
    """The clock to go on with: never behind what an earlier one *showed*."""
    start = max(now, showed or now)
    if speed is None:
        return ManualClock(start)
    if speed == 1 and start == now:
        return SystemClock()
    return ScaledClock(start, origin=now, speed=speed)
