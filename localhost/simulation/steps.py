"""What somebody asks for, and when: the steps of a plan."""

from dataclasses import dataclass
from datetime import datetime

from localhost.campaign.plan import (
    CancelRun,
    DeleteConfiguration,
    PutAssignment,
    PutConfiguration,
    StartMachine,
    StartRun,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelComing:
    """Cancel the next occurrence of a configuration before it begins."""

    configuration: str


Action = (
    PutConfiguration
    | PutAssignment
    | StartRun
    | StartMachine
    | CancelRun
    | CancelComing
    | DeleteConfiguration
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is asked for at an instant; steps of one *lane* wait for each other."""

    at: datetime
    lane: str
    action: Action
