"""What the use cases need from the world, as protocols; adapters implement them, `Services` carries them.

Rules that hold for every port: instants are aware UTC datetimes; ids compare without case; a service that does not
answer as it should raises `UnavailableError`; a conditional write that another writer has overtaken raises
`StaleError` (from here, not from `shared.errors`: it never leaves the application) and has changed nothing. Every
conditional write is *confirmed*: who is told that it lost has lost, even where a client library repeated the request
by itself.
"""

from dataclasses import dataclass

from shared.application.limits import Limits
from shared.application.ports.agenda import Agenda, AgendaEntry
from shared.application.ports.assessments import (
    AssessmentReports,
    AssessmentStore,
    MachineRequest,
    MachineRequests,
    RequestAnswer,
    RequestKind,
)
from shared.application.ports.basics import Clock, StaleError
from shared.application.ports.budgets import BudgetStore
from shared.application.ports.documents import (
    AssignmentStore,
    ConfigurationStore,
    StoredAssignment,
    StoredConfiguration,
)
from shared.application.ports.history import (
    FrozenScope,
    JobStore,
    MachineLock,
    MachineLocks,
    Outbox,
    Poisoned,
    RunStore,
    UpdateStore,
)
from shared.application.ports.machines import (
    Accepted,
    InstallOrder,
    InstallReply,
    InstallReports,
    Inventory,
    InventoryPage,
    NotNow,
    Patching,
    Refused,
    Uncertain,
)
from shared.application.ports.servers import ServerStore, StoredServer

__all__ = [
    "Accepted",
    "Agenda",
    "AgendaEntry",
    "AssessmentReports",
    "AssessmentStore",
    "AssignmentStore",
    "BudgetStore",
    "Clock",
    "ConfigurationStore",
    "FrozenScope",
    "InstallOrder",
    "InstallReply",
    "InstallReports",
    "Inventory",
    "InventoryPage",
    "JobStore",
    "MachineLock",
    "MachineLocks",
    "MachineRequest",
    "MachineRequests",
    "NotNow",
    "Outbox",
    "Patching",
    "Poisoned",
    "Refused",
    "RequestAnswer",
    "RequestKind",
    "RunStore",
    "ServerStore",
    "Services",
    "StaleError",
    "StoredAssignment",
    "StoredConfiguration",
    "StoredServer",
    "Uncertain",
    "UpdateStore",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Every port, and the limits: what a use case is handed."""

    clock: Clock
    limits: Limits
    configurations: ConfigurationStore
    assignments: AssignmentStore
    servers: ServerStore
    agenda: Agenda
    runs: RunStore
    jobs: JobStore
    budgets: BudgetStore
    updates: UpdateStore
    locks: MachineLocks
    assessments: AssessmentStore
    machine_requests: MachineRequests
    outbox: Outbox
    poisoned: Poisoned
    inventory: Inventory
    patching: Patching
    reports: InstallReports
    assessment_reports: AssessmentReports
