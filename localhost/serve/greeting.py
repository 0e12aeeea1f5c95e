"""What `serve` says when it has started: how to reach it, what is simulated, what is kept, how to stop it."""

from datetime import datetime
from textwrap import wrap

from localhost.azure.generate import subscription_id
from localhost.serve.certificate import Certificate
from localhost.serve.options import ServeOptions
from localhost.serve.state_folder import StateFolder

AFRESH = (
    "The simulated Azure starts afresh each time: its machines lack their updates again, and installs that were under "
    "way are forgotten, so that their jobs end Unknown an hour after their window. Remove the state to begin anew."
)
_WIDTH = 79
_LIST = (
    f"/subscriptions/{subscription_id(1)}/providers/Microsoft.Maintenance"
    "/maintenanceConfigurations?api-version=2023-04-01"
)


def greeting(
    options: ServeOptions, state: StateFolder, *, url: str, arm: str, now: datetime
) -> str:
    """A few lines; the curl line works as printed."""
    path = "/admin/host/status" if options.arm else _LIST
    trust = f"--cacert '{Certificate(state.tls).path}' " if options.tls else ""
    lines = [
        f"Muster answers at {url}: a development host, for this machine only.",
        f"  try    curl -s {trust}'{url}{path}'",
        f"  azure  {_azure(options, arm)}",
        "  queues .venv/bin/python -m localhost send runs '<message>'; see docs/messages.md",
        f"  state  {state.path} (kept from one start to the next)",
        f"  clock  {_pace(options.speed)}; it is {now:%Y-%m-%d %H:%M} UTC",
        "  stop   Ctrl-C",
    ]
    if state.was_used:
        lines.append("It goes on with the state of an earlier run.")
    if state.was_used and not options.arm:
        lines += wrap(AFRESH, _WIDTH)
    return "\n".join(lines)


def _azure(options: ServeOptions, arm: str) -> str:
    if options.arm:
        return f"{arm}; it is not started here, and what it patches may be real"
    return f"simulated, with {options.machines} machines, at {arm}; nothing real is patched"


def _pace(speed: float | None) -> str:
    if speed is None:
        return "moved by hand"
    return "at real speed" if speed == 1 else f"{speed:g} times as fast as real"
