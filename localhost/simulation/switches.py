"""What `python -m localhost evidence` understands."""

import argparse
from pathlib import Path

from localhost.arguments import count
from localhost.simulation.planted_faults import PLANTED
from localhost.simulation.run import EvidenceOptions

HELP = "simulate the whole app under faults, on all cores, and check what came of it"
DESCRIPTION = "Exit code 1 if a rule is broken; a seed can be replayed step by step."


def add_switches(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    add, defaults = parser.add_argument, EvidenceOptions()
    add("--seeds", type=count, default=defaults.seeds, help="how many (default %(default)s)")
    add("--first", type=int, default=defaults.first, help="the first (default %(default)s)")
    add("--seed", type=int, help="this one alone")
    add("--trace", action="store_true", help="print every call of it")
    add("--planted", choices=sorted(PLANTED), default="", help="take a precaution away first")
    add("--calendar", action="store_true", help="compare the calendars of all time zones as well")
    add("--write", type=Path, metavar="FILE", help="write what was printed there too")


def evidence_options(chosen: argparse.Namespace) -> EvidenceOptions:
    """What was chosen."""
    return EvidenceOptions(
        first=chosen.first,
        seeds=chosen.seeds,
        seed=chosen.seed,
        trace=chosen.trace,
        planted=chosen.planted,
        calendar=chosen.calendar,
        write=chosen.write,
    )
