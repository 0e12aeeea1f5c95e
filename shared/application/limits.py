"""The numbers that the rules leave to settings, with their defaults."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.machine import MachineType


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times, sizes and caps; `shared.settings` fills in what the administrator changed.

    The cut-offs are what must be left of a window for an install to start. `claim` is how long a claim and a run's
    lease live, `skew` how far workers' clocks may be apart; `reboot_reserve` is what must be left of a window for a
    server on premises to restart, and how long it may take to come back. At most `connections` to such servers are open
    at once. A pass asks directly for `ask_time`, less than the host lets a function run.
    """

    azure_cut_off: timedelta = timedelta(minutes=30)
    server_cut_off: timedelta = timedelta(minutes=25)
    reboot_reserve: timedelta = timedelta(minutes=15)
    maximum_duration: timedelta = timedelta(hours=3, minutes=55)
    final_word: timedelta = timedelta(minutes=60)
    correction: timedelta = timedelta(hours=24)
    claim: timedelta = timedelta(seconds=90)
    skew: timedelta = timedelta(seconds=30)
    unclaimed: timedelta = timedelta(seconds=60)
    pass_time: timedelta = timedelta(seconds=60)
    tick_time: timedelta = timedelta(seconds=30)
    run_message_life: timedelta = timedelta(minutes=10)
    busy_again: timedelta = timedelta(minutes=1)
    overlap: timedelta = timedelta(minutes=10)
    ask_directly_after: timedelta = timedelta(minutes=15)
    ask_time: timedelta = timedelta(minutes=2)
    assessment_age: timedelta = timedelta(0)
    inventory_page: int = 1000
    report_page: int = 1000
    in_flight: int = 2000
    parallel: int = 16
    connections: int = 100
    machines_per_request: int = 100
    body_bytes: int = 262_144
    configurations_per_region: int = 250
    scopes_per_configuration: int = 200
    tags_per_scope: int = 50
    groups_per_scope: int = 50

    def cut_off(self, ends_at: datetime, machine_type: MachineType) -> datetime:
        """The last instant at which an install may start in a window that ends at *ends_at*."""
        if machine_type is MachineType.SERVER:
            return ends_at - self.server_cut_off
        return ends_at - self.azure_cut_off
