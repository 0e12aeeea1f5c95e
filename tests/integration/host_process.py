"""A host in a process of its own, to be killed: `python -m tests.integration.host_process`, with scaled time.

Prints its address, then runs until it dies. Storage and the local Azure live in other processes.
"""

import argparse
import asyncio
from datetime import UTC, datetime

from localhost.clocks import ScaledClock
from localhost.stage import stage


async def main() -> None:
    """Run the host."""
    parser = argparse.ArgumentParser()
    for name in ("--storage", "--arm", "--epoch"):
        parser.add_argument(name, required=True)
    for name in ("--origin", "--speed"):
        parser.add_argument(name, required=True, type=float)
    given = parser.parse_args()
    clock = ScaledClock(
        datetime.fromisoformat(given.epoch),
        origin=datetime.fromtimestamp(given.origin, UTC),
        speed=given.speed,
    )
    async with stage(storage=given.storage, arm=given.arm, clock=clock) as host:
        print(host.url, flush=True)
        await host.run()


if __name__ == "__main__":
    asyncio.run(main())
