"""Runs that are due together and the pages of one inventory: who asks, who waits, who gets what was asked before."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from shared.adapters.inventory.shared_sweeps import SharedSweeps
from shared.adapters.memory.clock import MemoryClock
from shared.application.ports import InventoryPage
from shared.domain.machine import MachineType
from shared.domain.scope import Choice, Narrowing
from shared.errors import UnavailableError
from tests.builders import WINDOW_OPENS

SECOND = timedelta(seconds=1)


def question(group: str = "", *, subscription: str = "s") -> Narrowing:
    wanted = Choice(wanted=frozenset({group})) if group else Choice()
    return Narrowing(
        subscription=subscription,
        types=frozenset(MachineType),
        resource_groups=wanted,
        locations=Choice(),
        os_types=None,
    )


@dataclass(slots=True)
class Service:
    """What answers: each answer names its question, and comes when others have had their turn."""

    clock: MemoryClock = field(default_factory=lambda: MemoryClock(WINDOW_OPENS))
    asked: list[tuple[Narrowing, str, int]] = field(default_factory=list)
    is_down: bool = False
    is_empty: bool = False

    def sweeps(self) -> SharedSweeps:
        return SharedSweeps(self._read, self.clock)

    async def _read(self, narrowing: Narrowing, after: str, limit: int) -> InventoryPage:
        self.asked.append((narrowing, after, limit))
        await asyncio.sleep(0)
        if self.is_down:
            raise UnavailableError("down")
        return InventoryPage(states=(), last=None if self.is_empty else f"{len(self.asked)}")


async def ask(sweeps: SharedSweeps, narrowing: Narrowing, **more: object) -> str | None:
    given = {"after": "", "limit": 10, "since": WINDOW_OPENS}
    page = await sweeps.page(narrowing, **(given | more))  # type: ignore[arg-type]
    return page.last


async def test_the_same_question_is_put_once_for_all_who_are_due_together() -> None:
    service = Service()
    sweeps = service.sweeps()
    answers = await asyncio.gather(*(ask(sweeps, question()) for _ in range(250)))
    assert set(answers) == {"1"}
    service.clock.advance(30 * SECOND)
    assert await ask(sweeps, question()) == "1"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"after": "k"}, id="another page"),
        pytest.param({"limit": 20}, id="a page of another size"),
        pytest.param({"since": WINDOW_OPENS + 2 * SECOND}, id="a run that began later"),
    ],
)
async def test_another_question_is_put_again(other: dict[str, object]) -> None:
    service = Service()
    sweeps = service.sweeps()
    assert await ask(sweeps, question()) == "1"
    service.clock.advance(2 * SECOND)
    assert await ask(sweeps, question(), **other) == "2"
    assert await ask(sweeps, question(), **other) == "2"


async def test_a_page_is_forgotten_after_a_minute() -> None:
    service = Service()
    sweeps = service.sweeps()
    await ask(sweeps, question())
    service.clock.advance(61 * SECOND)
    assert await ask(sweeps, question()) == "2"


async def test_many_different_questions_become_one_for_the_whole_subscription() -> None:
    service = Service()
    sweeps = service.sweeps()
    for number in range(250):
        await ask(sweeps, question(f"group-{number}"))
    await ask(sweeps, question("elsewhere", subscription="t"))
    assert [narrowing for narrowing, _, _ in service.asked] == [
        question("group-0"),
        question("group-1"),
        question(),
        question("elsewhere", subscription="t"),
    ]


async def test_a_failure_is_told_to_all_who_wait_and_is_not_kept() -> None:
    service = Service(is_down=True)
    sweeps = service.sweeps()
    found = await asyncio.gather(
        *(ask(sweeps, question()) for _ in range(5)), return_exceptions=True
    )
    assert all(isinstance(one, UnavailableError) for one in found)
    assert len(service.asked) == 1
    service.is_down = False
    assert await ask(sweeps, question()) == "2"


async def test_who_is_cancelled_does_not_take_the_page_from_the_others() -> None:
    service = Service()
    sweeps = service.sweeps()
    first, second = (asyncio.create_task(ask(sweeps, question())) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "1"
    assert len(service.asked) == 1


async def test_only_a_few_pages_are_kept() -> None:
    service = Service()
    sweeps = service.sweeps()
    for number in range(40):
        await ask(sweeps, question(), after=f"{number}")
    await ask(sweeps, question(), after="39")
    assert len(service.asked) == 40
    await ask(sweeps, question(), after="0")
    assert len(service.asked) == 41


async def test_an_empty_page_is_not_kept_for_whoever_may_see_more_by_then() -> None:
    service = Service(is_empty=True)
    sweeps = service.sweeps()
    assert await ask(sweeps, question()) is None
    service.is_empty = False
    assert await ask(sweeps, question()) == "2"


async def test_a_page_that_was_read_anew_is_among_the_latest() -> None:
    service = Service()
    sweeps = service.sweeps()
    await ask(sweeps, question(), after="first")
    service.clock.advance(2 * SECOND)
    for number in range(15):
        await ask(sweeps, question(), after=f"{number}")
    later = {"after": "first", "since": service.clock.now()}
    assert await ask(sweeps, question(), **later) == "17"
    await ask(sweeps, question(), after="15")
    assert await ask(sweeps, question(), **later) == "17"
