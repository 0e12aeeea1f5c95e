"""Starting on demand against rivals."""

from collections.abc import Sequence

import pytest

from shared.adapters.memory.rows import MemoryRows
from shared.adapters.memory.services import services as memory_services
from shared.adapters.storage.rows import Write
from shared.adapters.storage.runs import RUNS
from shared.application.callers import LOCAL
from shared.application.ports import StaleError
from shared.application.start_run import start_configuration_run
from shared.errors import ConflictError
from tests.builders import CONFIGURATION, a_state
from tests.drill import Drill


class ContestedRows(MemoryRows):
    """Rows in which the next `rivals` transactions over runs come too late."""

    rivals = 0

    async def transact(self, table: str, writes: Sequence[Write]) -> list[str]:
        if table == RUNS and self.rivals:
            self.rivals -= 1
            raise StaleError(table)
        return await super().transact(table, writes)


async def contested(rivals: int) -> Drill:
    rows = ContestedRows()
    drill = Drill([a_state()])
    drill.services = memory_services(drill.clock, rows=rows, outbox=drill.outbox, fleet=drill.fleet)
    await drill.configure()
    rows.rivals = rivals
    return drill


async def test_starter_that_was_too_late_tries_again() -> None:
    drill = await contested(rivals=3)
    run = await start_configuration_run(drill.services, CONFIGURATION, caller=LOCAL)
    assert [one.key for one in await drill.runs()] == [run.key]


async def test_starter_that_is_always_too_late_is_told_to_try_again() -> None:
    drill = await contested(rivals=1000)
    with pytest.raises(ConflictError, match="again"):
        await start_configuration_run(drill.services, CONFIGURATION, caller=LOCAL)
    assert await drill.runs() == []
