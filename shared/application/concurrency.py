"""Doing several things at once, but never more than a stated number."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def gather_bounded(calls: Iterable[Awaitable[T]], at_once: int) -> list[T]:
    """Await all *calls*, at most *at_once* of them at a time; the first error cancels the others.

    Each call is taken only when its turn comes, so a generator makes none that is never awaited.
    """
    numbered = enumerate(calls)
    results: dict[int, T] = {}

    async def work() -> None:
        for number, call in numbered:
            results[number] = await call

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [results[number] for number in sorted(results)]
