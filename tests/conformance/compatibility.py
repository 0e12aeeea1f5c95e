"""The tables of `docs/compatibility.md`, read as data: what they say is what the tests expect."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "compatibility.md"


class Verdict(StrEnum):
    """How far an operation of Azure's is one of Muster's."""

    WORKS = "works"
    STUB = "honest stub"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRow:
    """One operation: `status` is the answer to its published example."""

    id: str
    verdict: Verdict
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceRow:
    """One member of one kind of reply that Azure and Muster fill differently; the reason is for readers."""

    request: str
    member: str
    azure: str
    muster: str


@cache
def operations() -> tuple[OperationRow, ...]:
    """The table of operations."""
    rows = _table("| operation |")
    return tuple(
        OperationRow(id=one, verdict=Verdict(verdict), status=int(status))
        for one, verdict, status, _ in rows
    )


@cache
def differences() -> frozenset[DifferenceRow]:
    """The table of differences in recorded replies, with a row for each of the methods that it names."""
    rows = _table("| request |")
    return frozenset(
        DifferenceRow(
            request=f"{method} {request.split()[-1]}", member=member, azure=azure, muster=muster
        )
        for request, member, azure, muster, _ in rows
        for method in request.replace(",", "").split()[:-1]
    )


def _table(header: str) -> list[list[str]]:
    """The cells of the one table whose header begins like this, without code marks."""
    lines = iter(DOCUMENT.read_text(encoding="utf-8").splitlines())
    next(line for line in lines if line.startswith(header))
    next(lines)
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
    return found
