"""A fleet out of a number and a seed: the same numbers give the same machines, to the letter.

Mixed as an estate is: both systems, both resource types, several subscriptions, groups and regions, tags whose names
differ in case, and a share of machines that cannot be patched: without consent, stopped, disconnected.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from localhost.azure.fleet import Fleet, Kind, Machine
from localhost.azure.updates import (
    ALWAYS_REBOOTS,
    CLASSIFICATIONS,
    MAY_REBOOT,
    NEVER_REBOOTS,
    Os,
    Update,
)

_REGIONS = ("westeurope", "northeurope", "eastus", "westus2", "japaneast")
_TEAMS = ("payments", "web", "data", "platform")
_ENVIRONMENTS = ("prod", "dev", "test")
_ROLES = ("web", "sql", "app", "job", "dc")

# patchMode and bypassPlatformSafetyChecksOnUserSchedule; most VMs have consented to a user's schedule.
_CONSENTED = ("AutomaticByPlatform", True)
_NOT_CONSENTED = (("AutomaticByPlatform", False), ("AutomaticByPlatform", None))
_OWN_MODE = {Os.WINDOWS: "AutomaticByOS", Os.LINUX: "ImageDefault"}

_WINDOWS = (
    ("5031364", "Critical", "2026-01 Update for Secure Boot Revocation (KB{kb})", ALWAYS_REBOOTS),
    (
        "5034129",
        "Security",
        "2026-01 Cumulative Update for Windows Server (KB{kb})",
        ALWAYS_REBOOTS,
    ),
    ("5034619", "Security", "2026-01 Security Update for .NET Framework 4.8 (KB{kb})", MAY_REBOOT),
    ("5030216", "Security", "2026-01 Security Update for OpenSSH (KB{kb})", NEVER_REBOOTS),
    ("890830", "UpdateRollUp", "Malicious Software Removal Tool x64 (KB{kb})", NEVER_REBOOTS),
    ("5035857", "UpdateRollUp", "2026-01 Monthly Quality Rollup (KB{kb})", ALWAYS_REBOOTS),
    ("3173424", "FeaturePack", "Servicing Feature Pack (KB{kb})", MAY_REBOOT),
    ("976932", "ServicePack", "Service Pack 1 for Runtime Components (KB{kb})", ALWAYS_REBOOTS),
    ("2267602", "Definition", "Security Intelligence Update for Defender (KB{kb})", NEVER_REBOOTS),
    ("4052623", "Definition", "Update for Defender antimalware platform (KB{kb})", NEVER_REBOOTS),
    ("5001716", "Tools", "Windows Update Health Tools (KB{kb})", NEVER_REBOOTS),
    ("4589208", "Updates", "2026-01 Microcode Update for Windows Server (KB{kb})", MAY_REBOOT),
    ("5034275", "Updates", "2026-01 Cumulative Update Preview for .NET (KB{kb})", MAY_REBOOT),
)

_LINUX = (
    ("linux-image-azure", "6.8.0.1021.25", "Critical", ALWAYS_REBOOTS, ("linux-modules-azure",)),
    ("linux-modules-azure", "6.8.0.1021.25", "Critical", ALWAYS_REBOOTS, ()),
    ("libc6:amd64", "2.39-0ubuntu8.4", "Critical", MAY_REBOOT, ()),
    ("libssl3t64:amd64", "3.0.13-0ubuntu3.5", "Security", NEVER_REBOOTS, ()),
    ("openssl", "3.0.13-0ubuntu3.5", "Security", NEVER_REBOOTS, ("libssl3t64:amd64",)),
    ("openssh-server", "1:9.6p1-3ubuntu13.8", "Security", NEVER_REBOOTS, ("openssh-client",)),
    ("openssh-client", "1:9.6p1-3ubuntu13.8", "Security", NEVER_REBOOTS, ()),
    ("curl", "8.5.0-2ubuntu10.6", "Security", NEVER_REBOOTS, ("libcurl4t64",)),
    ("libcurl4t64", "8.5.0-2ubuntu10.6", "Security", NEVER_REBOOTS, ()),
    ("python3.12", "3.12.3-1ubuntu0.5", "Security", NEVER_REBOOTS, ("tzdata",)),
    ("tzdata", "2026a-0ubuntu0.24.04", "Other", NEVER_REBOOTS, ()),
    ("apt", "2.7.14build2.1", "Other", NEVER_REBOOTS, ()),
    ("vim-common", "2:9.1.0016-1ubuntu7.8", "Other", NEVER_REBOOTS, ()),
    ("snapd", "2.67.1+24.04", "Other", NEVER_REBOOTS, ("systemd",)),
    ("systemd", "255.4-1ubuntu8.6", "Other", MAY_REBOOT, ()),
)


def subscription_id(number: int) -> str:
    """The GUID of the n-th generated subscription, from 1."""
    return f"6b1f0c52-8d3e-4f7a-9a41-{number:012d}"


def generate(machines: int, seed: int, *, subscriptions: int = 3) -> Fleet:
    """A fleet of *machines*, spread over *subscriptions*, the same for the same arguments."""
    catalog = {Os.WINDOWS: _windows_updates(), Os.LINUX: _linux_updates()}
    dice = Random(seed)  # noqa: S311 - a simulation, no secret
    names = [subscription_id(number) for number in range(1, subscriptions + 1)]
    return Fleet(
        (
            _machine(number, dice, subscriptions=names, catalog=catalog)
            for number in range(machines)
        ),
        subscriptions=names,
    )


def _machine(
    number: int, dice: Random, *, subscriptions: Sequence[str], catalog: dict[Os, list[Update]]
) -> Machine:
    os = Os.WINDOWS if dice.random() < 0.5 else Os.LINUX
    kind = Kind.VM if dice.random() < 0.7 else Kind.ARC
    environment, role = dice.choice(_ENVIRONMENTS), dice.choice(_ROLES)
    patch_mode, bypass_checks = _patch_settings(os, kind, dice)
    missing = tuple(_missing(catalog[os], os, dice))
    return Machine(
        subscription=subscriptions[number % len(subscriptions)],
        resource_group=f"{dice.choice(('rg', 'RG'))}-{dice.choice(_TEAMS)}-{environment}",
        kind=kind,
        name=f"{environment}-{role}{'W' if os is Os.WINDOWS else 'l'}{number:05d}",
        os=os,
        location=dice.choice(_REGIONS),
        tags=_tags(environment, role, dice),
        reachable=dice.random() >= 0.05,
        patch_mode=patch_mode,
        bypass_checks=bypass_checks,
        missing=missing,
        failing=frozenset({dice.choice(missing).patch_id}) if dice.random() < 0.02 else frozenset(),
        reboot_fails=dice.random() < 0.005,
    )


def _patch_settings(os: Os, kind: Kind, dice: Random) -> tuple[str | None, bool | None]:
    if kind is Kind.ARC:
        return None, None
    if dice.random() < 0.9:
        return _CONSENTED
    return dice.choice((*_NOT_CONSENTED, (_OWN_MODE[os], None), (_OWN_MODE[os], True)))


def _tags(environment: str, role: str, dice: Random) -> dict[str, str] | None:
    if dice.random() < 0.03:
        return None
    tags = {
        dice.choice(("env", "env", "Env")): environment,
        "ring": str(dice.randint(0, 3)),
        "role": role,
    }
    if dice.random() < 0.8:
        tags[dice.choice(("team", "Team", "TEAM"))] = dice.choice(_TEAMS)
    return tags


def _missing(updates: list[Update], os: Os, dice: Random) -> Iterator[Update]:
    """At least one update of every classification, and whatever chance adds."""
    firsts = {
        dice.choice([update for update in updates if update.classification == name]).patch_id
        for name in CLASSIFICATIONS[os]
    }
    return (u for u in updates if u.patch_id in firsts or dice.random() < 0.4)


def _windows_updates() -> list[Update]:
    return [
        Update(
            patch_id=f"1abb2377-20ef-43ff-aabc-{int(kb):012d}",
            name=title.format(kb=kb),
            kb=kb,
            classification=classification,
            reboot=reboot,
            published_at=datetime(2026, 1, 13, 18, tzinfo=UTC) - timedelta(days=place),
        )
        for place, (kb, classification, title, reboot) in enumerate(_WINDOWS)
    ]


def _linux_updates() -> list[Update]:
    return [
        Update(
            patch_id=f"{name}_{version}_Ubuntu_24.04",
            name=name,
            version=version,
            classification=classification,
            reboot=reboot,
            requires=requires,
        )
        for name, version, classification, reboot, requires in _LINUX
    ]
