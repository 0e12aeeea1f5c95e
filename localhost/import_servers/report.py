"""What became of each host of an import, and the table that says so.

Names and messages come from files and from a server: what a terminal would obey is not printed.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What became of a host."""

    REGISTERED = "registered"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    LEFT_OUT = "left out"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One host's line; `message` may be empty."""

    state: State
    name: str
    message: str = ""


def table(results: Sequence[Result]) -> str:
    """One line for each host, failures last, where they are seen; then the counts."""
    order = [*State]
    ordered = sorted(results, key=lambda one: (order.index(one.state), one.name.lower()))
    width = max((len(one.name) for one in ordered), default=0)
    lines = [
        printable(f"{one.state:<10}  {one.name:<{width}}  {one.message}").rstrip()
        for one in ordered
    ]
    counts = Counter(one.state for one in results)
    total = ", ".join(f"{counts[state]} {state}" for state in State if counts[state])
    return "\n".join([*lines, f"{len(results)} hosts: {total}."])


def printable(text: str) -> str:
    """The text on one line, with a question mark for each control character."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
