"""Which VMs a schedule patches, in all combinations of their patch settings, their power and their attachment.

Source: Azure Update Manager, *Customer Managed Schedules*: only `AutomaticByPlatform` with the bypass,
attached to a schedule, is patched. `-` stands for a setting that the VM does not have, or a machine without a job.
"""

from dataclasses import dataclass

_TABLE = """
system   patchMode            bypass  attached: running     attached: off         not attached
Windows  Manual               true    PrerequisitesNotMet   PrerequisitesNotMet   -
Windows  Manual               false   PrerequisitesNotMet   PrerequisitesNotMet   -
Windows  Manual               -       PrerequisitesNotMet   PrerequisitesNotMet   -
Windows  AutomaticByOS        true    PrerequisitesNotMet   PrerequisitesNotMet   -
Windows  AutomaticByOS        false   PrerequisitesNotMet   PrerequisitesNotMet   -
Windows  AutomaticByOS        -       PrerequisitesNotMet   PrerequisitesNotMet   -
Windows  AutomaticByPlatform  true    patched               NotRunning            -
Windows  AutomaticByPlatform  false   PrerequisitesNotMet   PrerequisitesNotMet   -
Windows  AutomaticByPlatform  -       PrerequisitesNotMet   PrerequisitesNotMet   -
Windows  -                    true    PrerequisitesNotMet   PrerequisitesNotMet   -
Windows  -                    false   PrerequisitesNotMet   PrerequisitesNotMet   -
Windows  -                    -       PrerequisitesNotMet   PrerequisitesNotMet   -
Linux    ImageDefault         true    PrerequisitesNotMet   PrerequisitesNotMet   -
Linux    ImageDefault         false   PrerequisitesNotMet   PrerequisitesNotMet   -
Linux    ImageDefault         -       PrerequisitesNotMet   PrerequisitesNotMet   -
Linux    AutomaticByPlatform  true    patched               NotRunning            -
Linux    AutomaticByPlatform  false   PrerequisitesNotMet   PrerequisitesNotMet   -
Linux    AutomaticByPlatform  -       PrerequisitesNotMet   PrerequisitesNotMet   -
Linux    -                    true    PrerequisitesNotMet   PrerequisitesNotMet   -
Linux    -                    false   PrerequisitesNotMet   PrerequisitesNotMet   -
Linux    -                    -       PrerequisitesNotMet   PrerequisitesNotMet   -
"""
PATCHED, NO_JOB = "patched", "-"
_BYPASS = {"true": True, "false": False, "-": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One VM, and what becomes of it: `PATCHED`, `NO_JOB`, or the reason that its job is skipped with."""

    system: str
    patch_mode: str | None
    bypass: bool | None
    running: bool
    attached: bool
    becomes: str

    @property
    def name(self) -> str:
        """A name for the VM that tells it from all others."""
        power, place = ("on" if self.running else "off"), ("in" if self.attached else "out")
        return f"{self.system}-{self.patch_mode}-{self.bypass}-{power}-{place}"


def _cases(row: str) -> list[Case]:
    system, mode, bypass, *becomes, unattached = row.split()
    columns = ((True, True), (False, True), (True, False), (False, False))
    return [
        Case(
            system=system,
            patch_mode=None if mode == "-" else mode,
            bypass=_BYPASS[bypass],
            running=running,
            attached=attached,
            becomes=outcome,
        )
        for (running, attached), outcome in zip(
            columns, (*becomes, unattached, unattached), strict=True
        )
    ]


CASES = [case for row in _TABLE.strip().splitlines()[1:] for case in _cases(row)]
