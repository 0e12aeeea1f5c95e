"""The real clock."""

import asyncio
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The port `Clock` over the system's time."""

    def now(self) -> datetime:
        """This instant, aware, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, delay: timedelta) -> None:
        """Let *delay* pass; none passes when it is negative."""
        await asyncio.sleep(max(0.0, delay.total_seconds()))
