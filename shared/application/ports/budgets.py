"""Where the budgets of Azure's regions are kept: the estimates that passes reserve from."""

from collections.abc import Iterable
from typing import Protocol

from shared.domain.budget import Budget, Place


class BudgetStore(Protocol):
    """One row for each place."""

    async def of(self, places: Iterable[Place]) -> dict[Place, Budget]:
        """The budgets of these places; one that is not stored yet is full and has no ETag."""

    async def put(self, budget: Budget) -> None:
        """Store a budget under the ETag that it was read with; raises `StaleError`."""
