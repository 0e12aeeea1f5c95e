"""How long the app's client of queues goes on trying before it says that storage can't be reached."""

import socket
from typing import cast

import pytest
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline.transport import AsyncHttpTransport
from pydantic import SecretStr

from shared.adapters.storage.queues import AzureOutbox
from shared.bootstrap import _storage
from shared.errors import UnavailableError
from shared.settings import Settings

# The account and the key that every emulator has.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it would have waited."""
    waited: list[float] = []

    async def sleep(_: AsyncHttpTransport[object, object], duration: float) -> None:
        waited.append(duration)

    monkeypatch.setattr(AsyncHttpTransport, "sleep", sleep)
    return waited


async def test_queue_that_is_away_holds_up_nobody_for_long(pauses: list[float]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}/devstoreaccount1"
        connection = (
            f"AccountName=devstoreaccount1;AccountKey={KEY};"
            f"QueueEndpoint={nowhere};TableEndpoint={nowhere};"
        )
        settings = Settings(storage=SecretStr(connection))
        tables, queues = _storage(settings, cast(AsyncTokenCredential, None))
        async with tables, queues:
            with pytest.raises(UnavailableError):
                await AzureOutbox(queues).prepare()
    assert len(pauses) >= 2
    assert sum(pauses) < 25
