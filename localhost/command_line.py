"""The command line: `python -m localhost demo | serve | send | import | check | faults | evidence`.

Whatever goes wrong in a way that can be foreseen is one sentence on stderr and exit code 1; Ctrl-C during the demo is
130, as shells have it.
"""

import argparse
import asyncio
import inspect
import logging
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.logging import RichHandler

from localhost.arguments import address, count, minutes, ports, share, speed
from localhost.azure.faults import Faults
from localhost.azurite import AzuriteError
from localhost.campaign.run import CampaignOptions, run_campaign
from localhost.check.run import CheckOptions, run_check
from localhost.demo.output import DemoOutput
from localhost.demo.run import DemoOptions, run_demo
from localhost.errors import LocalhostError
from localhost.functions.function_index import UnsupportedFunctionError
from localhost.functions.host_settings import HostSettingsError
from localhost.import_servers import switches
from localhost.import_servers.run import run_import
from localhost.send import send
from localhost.serve.greeting import AFRESH
from localhost.serve.options import ServeOptions
from localhost.serve.run import run_serve
from localhost.simulation import switches as evidence
from localhost.simulation.run import run_evidence
from shared.application.messages import JOBS, RUNS

_EXPECTED = (
    LocalhostError,
    AzuriteError,
    HostSettingsError,
    UnsupportedFunctionError,
    ValidationError,  # of the app's settings
    OSError,
)
_INTERRUPTED = 130
_SEED = "fault_seed"
_DEFAULTS = ServeOptions()
_ITS_OWN: dict[str, Any] = {
    name: getattr(_DEFAULTS, name) for name in ("machines", "seed", "faults", "install_time")
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit code."""
    chosen = parser().parse_args(arguments)
    try:
        match chosen.command:
            case "demo":
                return _demo(chosen)
            case "serve":
                asyncio.run(run_serve(serve_options(chosen)))
            case "send":
                send(chosen.queue, chosen.message, state=chosen.state)
            case "import":
                return _import(chosen)
            case "check":
                return _check(chosen)
            case "faults":
                return _faults(chosen)
            case "evidence":
                return 0 if run_evidence(evidence.evidence_options(chosen)) else 1
    except KeyboardInterrupt:
        print("\nInterrupted: nothing is left running.", file=sys.stderr)
        return _INTERRUPTED
    except _EXPECTED as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _demo(chosen: argparse.Namespace) -> int:
    console = Console(highlight=False)
    # A warning of the app stands above the bar, not in it.
    logging.basicConfig(
        level=logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=console, show_time=False, show_path=False)],
    )
    options = DemoOptions(machines=chosen.machines, seed=chosen.seed)
    holds = asyncio.run(run_demo(options, DemoOutput(console)))
    return 0 if holds else 1


def _import(chosen: argparse.Namespace) -> int:
    options = switches.import_options(chosen)
    return 0 if asyncio.run(run_import(options, print)) else 1


def _check(chosen: argparse.Namespace) -> int:
    return 0 if asyncio.run(run_check(CheckOptions(state=chosen.state))) else 1


def _faults(chosen: argparse.Namespace) -> int:
    # What the app logs under fire is no news here.
    logging.getLogger("shared").addHandler(logging.NullHandler())
    return 0 if run_campaign(campaign_options(chosen)) else 1


def parser() -> argparse.ArgumentParser:
    """The seven commands."""
    top = argparse.ArgumentParser(prog="python -m localhost", description="Muster on one machine.")
    commands = top.add_subparsers(dest="command", required=True)
    demo = commands.add_parser(
        "demo",
        help="do the main job before your eyes",
        description="Everything in it is thrown away afterwards.",
    )
    _add_fleet(demo)
    serve = commands.add_parser(
        "serve", help="keep it running on this machine", description=f"Until Ctrl-C. {AFRESH}"
    )
    _add_serve(serve)
    by_hand = commands.add_parser("send", help="put a message into a queue of `serve`")
    by_hand.add_argument("queue", choices=(RUNS, JOBS))
    by_hand.add_argument("message", help='JSON, such as {"v": 1, "run": "<id>"}')
    _add_state(by_hand)
    switches.add_switches(
        commands.add_parser(
            "import",
            help="register servers from an Ansible inventory or an OpenSSH configuration",
            description=switches.DESCRIPTION,
        )
    )
    checker = commands.add_parser(
        "check",
        help="hold what is stored, and what the machines' own log shows, to the invariants",
        description="Of the system that the app's settings name, such as AzureWebJobsStorage; or of a `serve` that "
        "runs. Exit code 1 if an invariant is broken.",
    )
    checker.add_argument(
        "--state", type=Path, metavar="FOLDER", help="the state of a `serve` that runs"
    )
    campaign = commands.add_parser(
        "faults",
        help="try seeded mixes of faults, and check what came of them",
        description="Exit code 1 if a rule is broken; a seed can be replayed exactly.",
    )
    _add_campaign(campaign)
    evidence.add_switches(
        commands.add_parser("evidence", help=evidence.HELP, description=evidence.DESCRIPTION)
    )
    return top


def _add_serve(serve: argparse.ArgumentParser) -> None:
    add = serve.add_argument
    add("--port", type=int, default=_DEFAULTS.port, help="on 127.0.0.1 (default %(default)s)")
    add("--tls", action="store_true", help="answer https, with a certificate of its own")
    _add_state(serve)
    add(
        "--storage-ports",
        type=ports,
        default=_DEFAULTS.storage_ports,
        metavar="QUEUE:TABLE",
        help="Azurite's ports, 0 for any free one (default 10001:10002)",
    )
    pace = serve.add_mutually_exclusive_group()
    pace.add_argument("--speed", type=speed, default=1.0, help="virtual seconds per real second")
    pace.add_argument(
        "--advance", action="store_true", help="the clock stands until you move it, line by line"
    )
    _add_azure(serve)
    _add_faults(serve)


def _add_azure(serve: argparse.ArgumentParser) -> None:
    azure = serve.add_argument_group("Azure")
    azure.add_argument(
        "--arm",
        type=address,
        metavar="URL",
        help="use this Azure Resource Manager; without it Azure is simulated, and what follows applies",
    )
    _add_fleet(azure)
    azure.add_argument(
        "--install-minutes",
        type=minutes,
        default=_DEFAULTS.install_time,
        metavar="A:B",
        help="how long an install takes (default 3:12)",
    )


def _add_faults(serve: argparse.ArgumentParser) -> None:
    """A switch for each field, explained by the class itself."""
    faults = serve.add_argument_group("faults of the simulated Azure", inspect.getdoc(Faults))
    for fault in fields(Faults):
        if fault.name == "seed":
            faults.add_argument(f"--{_switch(_SEED)}", type=int, default=0, help="which cases")
        else:
            faults.add_argument(
                f"--{_switch(fault.name)}", type=share, default=0.0, metavar="SHARE"
            )


def _add_fleet(target: argparse._ActionsContainer) -> None:
    target.add_argument(
        "--machines", type=count, default=200, help="size of the fleet (default %(default)s)"
    )
    target.add_argument(
        "--seed", type=int, default=1, help="which fleet of that size (default %(default)s)"
    )


def _add_campaign(campaign: argparse.ArgumentParser) -> None:
    add, defaults = campaign.add_argument, CampaignOptions()
    add("--seeds", type=count, default=defaults.seeds, help="how many (default %(default)s)")
    add("--first", type=int, default=defaults.first, help="the first (default %(default)s)")
    add("--seed", type=int, help="this one alone")
    add("--trace", action="store_true", help="print every call and every change of a job")


def _add_state(target: argparse.ArgumentParser) -> None:
    target.add_argument(
        "--state",
        type=Path,
        default=_DEFAULTS.state,
        metavar="FOLDER",
        help="where the state is kept (default .local)",
    )


def serve_options(chosen: argparse.Namespace) -> ServeOptions:
    """What `serve` was told; LocalhostError for switches that contradict each other."""
    values = vars(chosen)
    shares = {fault.name: values[fault.name] for fault in fields(Faults) if fault.name != "seed"}
    options = ServeOptions(
        port=chosen.port,
        tls=chosen.tls,
        state=chosen.state,
        storage_ports=chosen.storage_ports,
        speed=None if chosen.advance else chosen.speed,
        arm=chosen.arm,
        machines=chosen.machines,
        seed=chosen.seed,
        faults=Faults(seed=values[_SEED], **shares),
        install_time=chosen.install_minutes,
    )
    if options.arm and replace(options, **_ITS_OWN) != options:
        raise LocalhostError("With --arm no Azure is simulated: leave out machines and faults.")
    return options


def campaign_options(chosen: argparse.Namespace) -> CampaignOptions:
    """What `faults` was told."""
    if chosen.seed is not None:
        return CampaignOptions(first=chosen.seed, seeds=1, trace=chosen.trace)
    return CampaignOptions(first=chosen.first, seeds=chosen.seeds, trace=chosen.trace)


def _switch(name: str) -> str:
    return name.replace("_", "-")
