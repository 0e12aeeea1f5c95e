"""What machines lack, and what was asked of them: assessments and consents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from shared.domain.assessment import Assessment
from shared.domain.updates import Update


class AssessmentReports(Protocol):
    """The latest assessment of each machine, as Azure keeps it; ids are keys, in lower case."""

    async def latest(self, machine_keys: Sequence[str]) -> Mapping[str, Assessment]:
        """Those that there are, without their updates."""

    async def missing(self, machine_keys: Sequence[str]) -> Mapping[str, tuple[Update, ...]]:
        """The updates of these machines' latest assessments; a machine that lacks none is not in it."""


class AssessmentStore(Protocol):
    """The last assessment of each machine that has been read from Azure, with its updates."""

    async def get(self, machine_key: str) -> Assessment | None: ...

    async def put(self, assessment: Assessment) -> None:
        """Take the place of the one before, all of it at once."""


class RequestKind(StrEnum):
    """What a machine can be asked for by a person."""

    ASSESS = "assess"
    CONSENT = "consent"


class RequestAnswer(StrEnum):
    """What became of such a request; the sentence beside it says more."""

    ACCEPTED = "Accepted"
    """Azure took it; it may still be under way."""
    NOT_NEEDED = "NotNeeded"
    REFUSED = "Refused"
    """Asking again would change nothing."""
    TRY_AGAIN = "TryAgain"
    """Nothing was done, but may be later."""
    UNKNOWN = "Unknown"
    """It may have been done, and no answer came: asking again does no harm."""
    NOT_FOUND = "NotFound"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRequest:
    """Who asked what of a machine, when, and what became of it."""

    machine_id: str
    kind: RequestKind
    by: str
    by_kind: str
    at: datetime
    answer: RequestAnswer
    message: str = ""
    etag: str = ""


class MachineRequests(Protocol):
    """The requests that were sent to machines; none is ever removed."""

    async def put(self, request: MachineRequest) -> None:
        """Keep a request; the one of the same kind and instant is replaced."""

    async def latest(self, machine_key: str, kind: RequestKind) -> MachineRequest | None:
        """The latest, whatever its answer."""

    async def latest_accepted(self, machine_key: str, kind: RequestKind) -> MachineRequest | None:
        """The latest that Azure accepted."""
