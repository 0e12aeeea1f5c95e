"""The machines of the local Azure: Azure VMs and Arc servers, as they are now.

Ids compare without case and keep their spelling. A change of the fleet is noted, so that Resource Graph's tables follow
without being built anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from localhost.azure.updates import Os, Update


class Kind(StrEnum):
    """The two resource types, in Azure's spelling."""

    VM = "Microsoft.Compute/virtualMachines"
    ARC = "Microsoft.HybridCompute/machines"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One machine. `reachable`: a VM is running, an Arc server connected.

    `patch_mode`, `bypass_checks` and `hotpatching` are a VM's patch settings; an Arc server has none. `failing` holds
    the patch ids whose installation fails here, every time.
    """

    subscription: str
    resource_group: str
    kind: Kind
    name: str
    os: Os
    location: str
    tags: Mapping[str, str] | None = None
    reachable: bool = True
    patch_mode: str | None = "AutomaticByPlatform"
    bypass_checks: bool | None = True
    hotpatching: bool = False
    missing: tuple[Update, ...] = ()
    failing: frozenset[str] = field(default_factory=frozenset)
    reboot_fails: bool = False

    @property
    def id(self) -> str:
        """The resource id."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/{self.kind}/{self.name}"
        )

    @property
    def key(self) -> str:
        """What two spellings of one id have in common."""
        return self.id.lower()


class Fleet:
    """Machines by id, and the subscriptions that exist, with or without machines."""

    def __init__(
        self, machines: Iterable[Machine] = (), *, subscriptions: Iterable[str] = ()
    ) -> None:
        self._machines: dict[str, Machine] = {}
        self._changed: set[str] = set()
        self._subscriptions = {subscription.lower() for subscription in subscriptions}
        for machine in machines:
            self.add(machine)

    def add(self, machine: Machine) -> None:
        """Add a machine, or put it in the place of the one with its id."""
        self._machines[machine.key] = machine
        self._changed.add(machine.key)
        self._subscriptions.add(machine.subscription.lower())

    def remove(self, machine_id: str) -> None:
        """Take a machine away; its subscription stays. Raises `KeyError` where there is none."""
        del self._machines[machine_id.lower()]
        self._changed.add(machine_id.lower())

    def change(self, machine_id: str, **changes: Any) -> Machine:
        """Replace fields of a machine, such as `reachable=False`; raises `KeyError` where there is none."""
        machine = replace(self._machines[machine_id.lower()], **changes)
        self.add(machine)
        return machine

    def get(self, machine_id: str) -> Machine | None:
        """The machine with this id, in any spelling."""
        return self._machines.get(machine_id.lower())

    def machines(self) -> list[Machine]:
        """All of them."""
        return list(self._machines.values())

    def has_subscription(self, subscription: str) -> bool:
        """Whether the subscription exists."""
        return subscription.lower() in self._subscriptions

    def changes(self) -> set[str]:
        """The keys of what was added, changed or removed since this was last asked."""
        changed, self._changed = self._changed, set()
        return changed
