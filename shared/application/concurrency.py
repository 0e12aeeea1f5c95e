"""Doing several things at once, but never more than a stated number."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def gather_bounded(calls: Iterable[Awaitable[T]], at_once: int) -> list[T]:
    """Await all *calls*, at most *at_once* of them at a time; the first error cancels the others."""
    gate = asyncio.Semaphore(at_once)

    async def pass_gate(call: Awaitable[T]) -> T:
        async with gate:
            return await call

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(pass_gate(call)) for call in calls]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
