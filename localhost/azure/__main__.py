"""`python -m localhost.azure`: the local Azure as a process of its own, with a scaled clock.

Its first line of output is its base URL. It is a simulation and knows nothing of the Azure that it is named after.

It throttles as Azure does. Faults are switched on over HTTP: `POST /_local/faults` with shares from 0 to 1, such as
`{"seed": 7, "drop_after_accept": 0.2, "contradict": 0.1}`; GET /_local/faults explains them. `GET /_local/calls` is the
log of every call, `GET /_local/installs` of those that started an install, `GET /_local/fleet` shows the machines.
"""

import argparse
import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from localhost.azure.clock import scaled_clock
from localhost.azure.generate import generate
from localhost.azure.limits import Limits
from localhost.azure.server import LocalAzure, serve
from localhost.azure.simulation import INSTALL_TIME


def main() -> None:
    """Read the command line and serve until interrupted."""
    arguments = _parser().parse_args()
    try:
        asyncio.run(_run(arguments))
    except KeyboardInterrupt:
        print("The local Azure has stopped.")


async def _run(arguments: argparse.Namespace) -> None:
    azure = LocalAzure(
        generate(arguments.machines, arguments.seed, subscriptions=arguments.subscriptions),
        now=scaled_clock(arguments.epoch, origin=arguments.origin, speed=arguments.speed),
        limits=Limits() if arguments.limits and arguments.speed else None,
        install_time=arguments.install_minutes,
        calls_file=arguments.calls,
    )
    async with serve(azure, arguments.port) as base:
        print(base, flush=True)
        print(
            f"A simulated Azure with {arguments.machines} machines. Stop it with Ctrl-C.",
            flush=True,
        )
        await asyncio.Event().wait()


def _parser() -> argparse.ArgumentParser:
    started = time.time()
    parser = argparse.ArgumentParser(
        prog="python -m localhost.azure",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help="on 127.0.0.1; 0 takes a free one")
    add("--machines", type=int, default=200)
    add("--seed", type=int, default=1)
    add("--subscriptions", type=int, default=3)
    add("--speed", type=float, default=1.0, help="virtual seconds per real second")
    add(
        "--epoch",
        type=_instant,
        default=datetime.fromtimestamp(started, UTC),
        help="virtual time at the origin, ISO 8601; default now",
    )
    add("--origin", type=float, default=started, help="real time of the epoch, Unix seconds")
    add(
        "--install-minutes",
        type=_range,
        default=INSTALL_TIME,
        metavar="A:B",
        help="virtual minutes that an install takes",
    )
    add(
        "--no-limits",
        dest="limits",
        action="store_false",
        help="never throttle; with --speed 0 nothing is throttled either, since no token would come back",
    )
    add("--calls", type=Path, help="append every call to this file as a line of JSON")
    return parser


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _range(text: str) -> tuple[timedelta, timedelta]:
    shortest, _, longest = text.partition(":")
    first, last = timedelta(minutes=float(shortest)), timedelta(minutes=float(longest or shortest))
    if not timedelta() <= first <= last:
        raise argparse.ArgumentTypeError("A:B in minutes, A not above B")
    return first, last


if __name__ == "__main__":
    main()
