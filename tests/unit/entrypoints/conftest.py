"""The HTTP functions over services in memory."""

import pytest
from pydantic import SecretStr

from shared import bootstrap
from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.machines import MemoryFleet
from shared.adapters.memory.rows import MemoryRows
from shared.adapters.memory.services import services as memory_services
from shared.application.ports import Services
from shared.settings import Settings
from tests.builders import DAY_BEFORE, a_state
from tests.unit.entrypoints.arm_client import ArmClient


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock(DAY_BEFORE)


@pytest.fixture
def rows() -> MemoryRows:
    return MemoryRows()


@pytest.fixture
def fleet(clock: MemoryClock) -> MemoryFleet:
    """One machine to patch."""
    return MemoryFleet(clock, [a_state()])


@pytest.fixture
def client(
    clock: MemoryClock, rows: MemoryRows, fleet: MemoryFleet, monkeypatch: pytest.MonkeyPatch
) -> ArmClient:
    """A client of an app that runs on this machine."""
    built = memory_services(clock, rows=rows, fleet=fleet)

    async def services() -> Services:
        return built

    monkeypatch.setattr(bootstrap, "services", services)
    monkeypatch.setattr(bootstrap, "settings", lambda: Settings(storage=SecretStr("memory")))
    return ArmClient(services=built)
