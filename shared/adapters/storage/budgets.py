"""The budgets of Azure's regions: a partition for each subscription, a row for each region."""

from collections.abc import Iterable

from shared.adapters.storage.codec import from_row, to_row
from shared.adapters.storage.keys import id_to_key
from shared.adapters.storage.rows import Rows, Verb, Write, in_partition
from shared.application.concurrency import gather_bounded
from shared.domain.budget import Budget, Place

BUDGETS = "Budgets"
_PARALLEL = 16
_NOWHERE = "-"
"""The row of the region that is not known yet: no key is empty."""


class Budgets:
    """The port `BudgetStore`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def of(self, places: Iterable[Place]) -> dict[Place, Budget]:
        budgets = {place: Budget(place=place) for place in places}
        subscriptions = dict.fromkeys(place.subscription for place in budgets)
        stored = await gather_bounded((self._within(one) for one in subscriptions), _PARALLEL)
        for found in (budget for some in stored for budget in some):
            if found.place in budgets:
                budgets[found.place] = found
        return budgets

    async def _within(self, subscription: str) -> list[Budget]:
        where = in_partition(id_to_key(subscription))
        return [from_row(Budget, row) async for row in self._rows.query(BUDGETS, where)]

    async def put(self, budget: Budget) -> None:
        partition = id_to_key(budget.place.subscription)
        key = id_to_key(budget.place.region) or _NOWHERE
        row = to_row(budget, partition=partition, key=key)
        verb = Verb.REPLACE if budget.etag else Verb.INSERT
        await self._rows.write(BUDGETS, Write(verb=verb, row=row))
