"""Benchmarks: `python -m benchmarks` measures one run, `python -m benchmarks estate` a whole estate with faults.

Everything shares this machine: Azurite, the local Azure, the host and the app. An estate that broke an invariant, or
did not settle within its window, makes the exit code 1. SIGTERM ends everything that was started, as Ctrl-C does.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.estate import Plan
from benchmarks.measure_estate import Measured, measure
from benchmarks.report import print_estate, print_growth
from benchmarks.single_run import measure_single_run

_ENDED = 128 + signal.SIGTERM
_Result = TypeVar("_Result")


def main() -> int:
    """Read the command line and measure; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--machines", type=int, default=2000)
    _add_estate(parser)
    arguments = parser.parse_args()
    if arguments.measure == "estate":
        return 0 if all(one.is_sound for one in _run(_measure_estate(arguments))) else 1
    _run(measure_single_run(arguments.machines))
    return 0


def _run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run it; SIGTERM leaves all its contexts, which end what they have started, and then this process.

    The signal is heard between two steps: never in the midst of starting a process, which nobody would end.
    """

    async def until_ended() -> _Result:
        loop, working = asyncio.get_running_loop(), asyncio.ensure_future(work)

        def end() -> None:
            loop.add_signal_handler(signal.SIGTERM, lambda: None)  # another one disturbs nothing
            working.cancel()

        loop.add_signal_handler(signal.SIGTERM, end)
        return await working

    try:
        return asyncio.run(until_ended())
    except asyncio.CancelledError:
        raise SystemExit(_ENDED) from None


def _add_estate(parser: argparse.ArgumentParser) -> None:
    measures = parser.add_subparsers(dest="measure", metavar="estate")
    estate = measures.add_parser(
        "estate",
        help="thousands of machines in many subscriptions, with faults",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add, plan = estate.add_argument, Plan()
    add("--machines", type=int, default=plan.machines, help="how many")
    add("--baseline", type=int, default=1000, help="machines of a run before, to compare; 0: none")
    add("--subscriptions", type=int, default=plan.subscriptions, help="how many")
    add("--faults", type=float, default=plan.faults, help="share of the calls of every type")
    add("--hang", type=float, default=plan.hang, help="share of the calls that never end")
    add("--hosts", type=int, choices=(1, 2), default=plan.hosts, help="processes at once")
    add("--seed", type=int, default=plan.seed, help="of the fleet and the faults")
    add("--speed", type=float, default=plan.speed, help="virtual seconds in a real one")
    add("--in-flight", type=int, default=plan.in_flight, help="jobs that are on their way at once")
    add("--duration", type=_minutes, default=plan.duration, help="of the window, in minutes")
    add("--install-minutes", default=plan.install_minutes, help="how long installs take")
    add("--profiles", type=Path, help="a folder for profiles of the hosts, which slow them down")


async def _measure_estate(arguments: argparse.Namespace) -> list[Measured]:
    given = {each.name: getattr(arguments, each.name) for each in fields(Plan)}
    plan, small = Plan(**given), None
    if arguments.baseline:
        small = await measure(replace(plan, machines=arguments.baseline))
        print_estate(small)
        print()
    large = await measure(plan)
    print_estate(large)
    if small is None:
        return [large]
    print_growth(small, large)
    return [small, large]


def _minutes(text: str) -> timedelta:
    return timedelta(minutes=int(text))


if __name__ == "__main__":
    sys.exit(main())
