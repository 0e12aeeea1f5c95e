"""Doing several things at once, but never more than a stated number."""

import asyncio
from collections.abc import Awaitable, Iterable
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


async def gather_bounded(calls: Iterable[Awaitable[T]], at_once: int) -> list[T]:
    """Await all *calls*, at most *at_once* of them at a time; the first error cancels the others.

    Each call is taken only when its turn comes; the iterable itself must not raise.
    """
    numbered = enumerate(calls)
    results: dict[int, T] = {}

    async def work(number: int, call: Awaitable[T]) -> None:
        results[number] = await call
        for later, next_call in numbered:
            results[later] = await next_call

    try:
        async with asyncio.TaskGroup() as group:
            for number, call in islice(numbered, at_once):
                group.create_task(work(number, call))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [results[number] for number in sorted(results)]
