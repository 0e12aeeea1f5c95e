"""The port `BudgetStore`, over every kind of rows."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.adapters.storage.budgets import Budgets
from shared.adapters.storage.rows import Rows
from shared.application.ports import StaleError
from shared.domain.budget import Bucket, Budget, Claim, Level, Place

NOW = datetime(2026, 6, 2, 3, 0, tzinfo=UTC)
HERE, THERE, UNKNOWN = (Place.of("s1", region) for region in ("westeurope", "eastus", ""))
ELSEWHERE = Place.of("s2", "westeurope")


CLAIM = Claim(waiting={Bucket.WRITES: 3}, reserved={Bucket.WRITES: 2}, had={}, at=NOW)


def a_budget(place: Place) -> Budget:
    return Budget(
        place=place,
        levels={Bucket.WRITES: Level(tokens=12.5, at=NOW)},
        claims={"/run": CLAIM},
        blocked_until={Bucket.WRITES: NOW},
        seen_at=NOW,
    )


async def test_a_budget_that_is_not_stored_is_full(rows: Rows) -> None:
    assert await Budgets(rows).of([HERE]) == {HERE: Budget(place=HERE)}


async def test_budgets_are_found_by_place_and_no_others_with_them(rows: Rows) -> None:
    store = Budgets(rows)
    for place in (HERE, THERE, UNKNOWN, ELSEWHERE):
        await store.put(a_budget(place))
    found = await store.of([HERE, UNKNOWN, ELSEWHERE])
    assert {place: replace(budget, etag="") for place, budget in found.items()} == {
        place: a_budget(place) for place in (HERE, UNKNOWN, ELSEWHERE)
    }


async def test_who_read_before_another_wrote_has_lost(rows: Rows) -> None:
    store = Budgets(rows)
    await store.put(a_budget(HERE))
    with pytest.raises(StaleError):
        await store.put(a_budget(HERE))
    first = (await store.of([HERE]))[HERE]
    await store.put(replace(first, seen_at=None))
    with pytest.raises(StaleError):
        await store.put(first)
    assert (await store.of([HERE]))[HERE].seen_at is None
