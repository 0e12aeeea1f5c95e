"""The HTTP functions over services in memory."""

import pytest
from pydantic import SecretStr

from shared import bootstrap
from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.machines import MemoryFleet
from shared.adapters.memory.services import services as memory_services
from shared.application.ports import Services
from shared.settings import Settings
from tests.builders import DAY_BEFORE, a_state
from tests.unit.entrypoints.arm_client import ArmClient


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock(DAY_BEFORE)


@pytest.fixture
def client(clock: MemoryClock, monkeypatch: pytest.MonkeyPatch) -> ArmClient:
    """A client of an app that runs on this machine, with one machine to patch."""
    built = memory_services(clock, fleet=MemoryFleet(clock, [a_state()]))

    async def services() -> Services:
        return built

    monkeypatch.setattr(bootstrap, "services", services)
    monkeypatch.setattr(bootstrap, "settings", lambda: Settings(storage=SecretStr("memory")))
    return ArmClient(services=built)
