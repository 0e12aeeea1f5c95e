"""What the product has confirmed: ids that have to be there, runs that were stopped, and which windows counted when.

A window counts for certain from when its PUT was confirmed until the next one was asked for; it may count from when it
was asked for until the next one was confirmed.
"""

from dataclasses import dataclass, field
from datetime import datetime

from shared.domain.window import MaintenanceWindow


@dataclass(slots=True, kw_only=True)
class Epoch:
    """The time of one window of a configuration."""

    window: MaintenanceWindow
    asked_at: datetime
    confirmed_at: datetime | None = None
    next_asked_at: datetime | None = None
    over_at: datetime | None = None


@dataclass(slots=True)
class Ledger:
    """By ids in lower case; `homes` are the configurations of assignments, `stopped` runs, `deleted` configurations."""

    ids: dict[str, str] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)
    stopped: dict[str, datetime] = field(default_factory=dict)
    deleted: dict[str, list[datetime]] = field(default_factory=dict)
    epochs: dict[str, list[Epoch]] = field(default_factory=dict)

    def confirm(self, resource_id: str) -> None:
        """It has to be there from now on."""
        self.ids[resource_id.lower()] = resource_id

    def stop(self, run: str, now: datetime) -> None:
        """Nothing of it may start from now on."""
        self.stopped.setdefault(run.lower(), now)

    def current(self, configuration: str) -> Epoch | None:
        """The last window that was asked for and is not to be replaced or gone."""
        epochs = self.epochs.get(configuration.lower(), [])
        return epochs[-1] if epochs and epochs[-1].next_asked_at is None else None

    def ask_window(self, configuration: str, window: MaintenanceWindow, now: datetime) -> None:
        """A PUT is under way."""
        self.ask_end(configuration, now)
        epoch = Epoch(window=window, asked_at=now)
        self.epochs.setdefault(configuration.lower(), []).append(epoch)

    def confirm_window(self, configuration: str, now: datetime) -> None:
        """The PUT was answered."""
        *past, last = self.epochs[configuration.lower()]
        last.confirmed_at = last.confirmed_at or now
        for epoch in past:
            epoch.over_at = epoch.over_at or now

    def ask_end(self, configuration: str, now: datetime) -> None:
        """From now on the window may no longer count."""
        for epoch in self.epochs.get(configuration.lower(), []):
            epoch.next_asked_at = epoch.next_asked_at or now

    def ask_deletion(self, configuration: str, now: datetime) -> None:
        """What belongs to it may be gone; what was to be cancelled of the time to come counts no more."""
        gone = configuration.lower()
        self.ask_end(configuration, now)
        for one in [one for one, home in self.homes.items() if home == gone] + [gone]:
            self.ids.pop(one, None)
            self.homes.pop(one, None)
        coming = f"{gone}/providers/microsoft.maintenance/applyupdates/{now:%Y%m%d%H%M%S}"
        for run in [run for run in self.stopped if run.startswith(f"{gone}/") and run > coming]:
            del self.stopped[run]
            self.ids.pop(run, None)

    def confirm_deletion(self, configuration: str, now: datetime) -> None:
        """It is gone, and what it had open is stopped."""
        self.deleted.setdefault(configuration.lower(), []).append(now)
        for epoch in self.epochs.get(configuration.lower(), []):
            epoch.over_at = epoch.over_at or now
