"""The stores put together: every port of `Services` that lives in rows."""

from typing import TypedDict

from shared.adapters.storage.agenda import StoredAgenda
from shared.adapters.storage.assessments import Assessments, Requests
from shared.adapters.storage.budgets import Budgets
from shared.adapters.storage.documents import Assignments, Configurations
from shared.adapters.storage.jobs import Jobs
from shared.adapters.storage.machines import Locks, PoisonedMessages, Updates
from shared.adapters.storage.rows import Rows
from shared.adapters.storage.runs import Runs
from shared.adapters.storage.servers import Servers


class Stores(TypedDict):
    """The fields of `Services` that are stores."""

    configurations: Configurations
    assignments: Assignments
    servers: Servers
    agenda: StoredAgenda
    runs: Runs
    jobs: Jobs
    budgets: Budgets
    updates: Updates
    locks: Locks
    assessments: Assessments
    machine_requests: Requests
    poisoned: PoisonedMessages


def stores(rows: Rows) -> Stores:
    """All stores over the same rows."""
    return Stores(
        configurations=Configurations(rows),
        assignments=Assignments(rows),
        servers=Servers(rows),
        agenda=StoredAgenda(rows),
        runs=Runs(rows),
        jobs=Jobs(rows),
        budgets=Budgets(rows),
        updates=Updates(rows),
        locks=Locks(rows),
        assessments=Assessments(rows),
        machine_requests=Requests(rows),
        poisoned=PoisonedMessages(rows),
    )
