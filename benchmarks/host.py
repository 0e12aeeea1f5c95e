"""A host in a process of its own, with scaled time: `python -m benchmarks.host`, as `estate` starts it.

Its first line of output is its address. It runs until SIGTERM, then writes its profile if it was asked for one.
"""

import argparse
import asyncio
import cProfile
import signal
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.queries import WatchedArm
from localhost.clocks import ScaledClock
from localhost.stage import stage
from shared import bootstrap


def main() -> None:
    """Run the host."""
    given = _parser().parse_args()
    if given.profile is None:
        asyncio.run(_run(given))
        return
    with cProfile.Profile() as profile:
        asyncio.run(_run(given))
    profile.dump_stats(given.profile)


async def _run(given: argparse.Namespace) -> None:
    # The app makes its client itself; only the benchmark wants to look at it.
    WatchedArm.log = given.queries
    vars(bootstrap)["ArmClient"] = WatchedArm
    clock = ScaledClock(
        datetime.fromisoformat(given.epoch),
        origin=datetime.fromtimestamp(given.origin, UTC),
        speed=given.speed,
    )
    settings = {"MUSTER_IN_FLIGHT": str(given.in_flight)}
    async with stage(storage=given.storage, arm=given.arm, clock=clock, settings=settings) as host:
        print(host.url, flush=True)
        running = asyncio.create_task(host.run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        with suppress(asyncio.CancelledError):
            await running


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.host", description=__doc__)
    for name in ("--storage", "--arm", "--epoch"):
        parser.add_argument(name, required=True)
    for name in ("--origin", "--speed"):
        parser.add_argument(name, required=True, type=float)
    parser.add_argument("--in-flight", required=True, type=int)
    parser.add_argument("--queries", required=True, type=Path)
    parser.add_argument("--profile", type=Path)
    return parser


if __name__ == "__main__":
    main()
