"""The two queues as lists of message texts."""

from datetime import timedelta

from shared.application.messages import JOBS, RUNS, PassRequest, StartRequest, encode
from shared.domain.records import RunId


class MemoryOutbox:
    """Keeps what was put in until somebody takes it; `queues` holds texts by queue, oldest first."""

    def __init__(self) -> None:
        self.queues: dict[str, list[str]] = {RUNS: [], JOBS: []}

    async def ask_for_pass(self, run_id: RunId, *, time_to_live: timedelta) -> None:
        self.queues[RUNS].append(encode(PassRequest(v=1, run=run_id.text)))

    async def ask_for_start(self, run_id: RunId, machine_id: str) -> None:
        self.queues[JOBS].append(encode(StartRequest(v=1, run=run_id.text, machine=machine_id)))
