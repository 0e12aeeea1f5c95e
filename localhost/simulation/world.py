"""The app as it runs in Azure, put together: hosts, timers, queues, tables, machines, and the people who use it.

Above the client of Table Storage everything is the product's own code, with its confirmed writes.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import cast

from azure.data.tables.aio import TableServiceClient

from localhost.simulation import chances as kinds
from localhost.simulation.azure import Azure
from localhost.simulation.chances import Chances
from localhost.simulation.estate import Estate
from localhost.simulation.hosts import Hosts
from localhost.simulation.journal import Journal
from localhost.simulation.ledger import Ledger
from localhost.simulation.outbox import Outbox
from localhost.simulation.pace import Pace
from localhost.simulation.plan import Plan, Trouble
from localhost.simulation.process import Process
from localhost.simulation.queues import Queues
from localhost.simulation.table_service import Storage, TableService
from localhost.simulation.tables import Tables
from localhost.simulation.timeline import Timeline
from localhost.simulation.timers import Timer
from localhost.simulation.users import Users
from localhost.simulation.watch import Watch
from shared.adapters.storage.azure_rows import AzureRows
from shared.adapters.storage.stores import stores
from shared.application.collect_results import collect_results
from shared.application.evaluate_schedules import evaluate_schedules
from shared.application.limits import Limits
from shared.application.ports import Services

LIMITS = Limits(inventory_page=12, report_page=20, parallel=2)
"""Small pages, so that there are several."""


class World:
    """Everything that a plan needs."""

    def __init__(self, plan: Plan, timeline: Timeline, journal: Journal) -> None:
        self.plan, self.timeline, self.journal = plan, timeline, journal
        self._down_until = plan.start
        dice = Random(f"world {plan.seed}")  # noqa: S311 - a simulation, no secret
        self.chances = Chances(dice, plan.shares)
        self.ledger = Ledger()
        self.tables = Tables()
        self.watch = Watch(journal, timeline.now)
        self.tables.watch = self.watch.see
        self.storage = Storage(self.tables, journal, self.chances)
        states = {state.machine.key: state for state in plan.states}
        self.estate = Estate(self.chances, states)
        self.pace = Pace(self.tables, self.estate, LIMITS)
        self.hosts = Hosts(
            timeline, self.chances, journal=journal, skews=plan.skews, build=self.services
        )
        self.queues = Queues(timeline, self.chances, journal, self.hosts)
        self.hosts.started.append(self.queues.host_is_free)
        self.evaluation = self._timer(evaluate_schedules, 0, self.pace.next_evaluation)
        self.collection = self._timer(collect_results, 30, self.pace.next_collection)
        self.watch.runs_changed = self.evaluation.wake
        self.watch.word_awaited = self.collection.wake
        self.users = Users(
            timeline,
            self.chances,
            journal,
            self.hosts,
            self.queues,
            self.ledger,
            self.pace.open_runs,
        )

    def _timer(
        self,
        work: Callable[[Services], Awaitable[None]],
        second: int,
        next_needed: Callable[[datetime], datetime],
    ) -> Timer:
        return Timer(
            work.__name__,
            work,
            second=second,
            timeline=self.timeline,
            chances=self.chances,
            hosts=self.hosts,
            next_needed=next_needed,
        )

    def services(self, process: Process) -> Services:
        """What `shared.bootstrap` would build in this process."""
        rows = AzureRows(cast(TableServiceClient, TableService(self.storage, process)))
        azure = Azure(
            self.estate, process, self.chances, timeline=self.timeline, journal=self.journal
        )
        return Services(
            clock=process,
            limits=LIMITS,
            outbox=Outbox(self.queues, process, self.chances),
            inventory=azure,
            patching=azure,
            reports=azure,
            assessment_reports=azure,
            **stores(rows),
        )

    def start(self) -> None:
        """Start the hosts, the timers, the people, and plan the troubles."""
        self.hosts.start()
        self.evaluation.start()
        self.collection.start()
        self.users.start(list(self.plan.steps))
        for trouble in self.plan.troubles:
            self.timeline.at(trouble.at, partial(self._begin, trouble))

    def calm_down(self) -> None:
        """Nothing goes wrong any more."""
        self.chances.is_calm = True
        self.storage.is_down = False
        self.estate.gone.clear()
        self.hosts.start()

    def _begin(self, trouble: Trouble) -> None:
        if self.chances.is_calm:
            return
        self.journal.note(f"{trouble.kind} for {trouble.lasts}")
        until = self.timeline.now() + trouble.lasts
        self.journal.mishap()
        if trouble.kind != kinds.STORAGE_DOWN:
            self.chances.note(_name(trouble))
        match trouble.kind:
            case kinds.TIMER_SILENT:
                self.evaluation.be_silent(until)
                self.collection.be_silent(until)
            case kinds.STORAGE_DOWN:
                self.storage.is_down = True
                self.timeline.at(until, self._storage_is_back)
            case kinds.APP_DOWN:
                self.hosts.stop()
                self._down_until = max(self._down_until, until)
                self.timeline.at(until, self._app_is_back)
            case kinds.MACHINE_GONE:
                self._lose_machine(until)

    def _storage_is_back(self) -> None:
        self.storage.is_down = False

    def _app_is_back(self) -> None:
        if self.timeline.now() >= self._down_until:
            self.hosts.start()

    def _lose_machine(self, until: datetime) -> None:
        key = self.chances.one_of(tuple(self.estate.states))
        self.estate.gone.add(key)
        self.timeline.at(until, lambda: self.estate.gone.discard(key))


def _name(trouble: Trouble) -> str:
    if trouble.kind == kinds.TIMER_SILENT:
        return f"{trouble.kind} {trouble.lasts // timedelta(minutes=1)} min"
    return trouble.kind
