"""Wait for what comes about by itself; the time that is allowed only tells a slow machine from one that hangs."""

import asyncio
import time
from collections.abc import Callable

PATIENCE = 60.0


def wait_until(holds: Callable[[], bool]) -> None:
    """Look again and again until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def until(holds: Callable[[], bool]) -> None:
    """The same, while others go on."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
