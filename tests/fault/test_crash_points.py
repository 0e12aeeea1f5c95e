"""The process dies at call number n of any port, n = 1, 2, 3 ...: the run ends as if nothing had happened.

What is allowed to differ: the one job whose worker died between writing `starting` and sending its request ends
`Unknown`, and its machine has no install. In a run that is stopped under way, the time that a death costs moves the
line between what was started and what was `Cancelled`; still exactly those with an install are `Succeeded`.

Of the calls that die before they take effect, reads among them, every third one is tried: neighbours see the same rows
unless a write is between them, and every write is tried as one that died after it took effect. With `EVERY_CALL` set
in the environment all are.
"""

import pytest

from shared.domain.run import Outcome
from tests.fault.crashing import DEATHS, Fuse, When
from tests.fault.scripts import (
    STOPPED,
    FinalState,
    Script,
    a_drill,
    asked_after,
    cancelled,
    corrected,
    deleted,
    final_state,
    on_demand,
    scheduled,
)
from tests.fault.strides import every_call_or

STRIDES = {When.BEFORE: every_call_or(3), When.AFTER: every_call_or(1)}
DIED_BEFORE_SENDING = [
    ("write Jobs starting", When.AFTER),
    ("get Runs", When.BEFORE),
    ("install", When.BEFORE),
]


@pytest.mark.parametrize("when", DEATHS)
@pytest.mark.parametrize(
    "script", [scheduled, asked_after, on_demand, cancelled, deleted, corrected]
)
async def test_run_ends_alike_wherever_the_process_died(script: Script, when: When) -> None:
    expected = await final_state(a_drill(Fuse(0, when)), script)
    assert expected.outcomes[STOPPED] is Outcome.SKIPPED or script in (cancelled, deleted)
    at, fuse = 1, Fuse(1, when)
    while True:
        found = await final_state(a_drill(fuse), script)
        if not fuse.hit:
            break
        assert found == expected or is_allowed(found, expected, script=script, fuse=fuse), (
            f"call {at} ({fuse.hit}) {when.value}: {found}, not {expected}"
        )
        at += STRIDES[when]
        fuse = Fuse(at, when)
    assert at > 10


def is_allowed(found: FinalState, expected: FinalState, *, script: Script, fuse: Fuse) -> bool:
    before = expected.outcomes
    differs = [one for name, one in found.outcomes.items() if one is not before[name]]
    if found.left_open != expected.left_open or not differs:
        return False
    may_be: set[Outcome | None] = (
        {Outcome.UNKNOWN} if (fuse.hit, fuse.when) in DIED_BEFORE_SENDING else set()
    )
    if script in (cancelled, deleted):
        may_be |= {Outcome.SUCCEEDED, Outcome.SKIPPED, Outcome.CANCELLED, None}
    return set(differs) <= may_be
