"""`python -m localhost faults`: many seeds, a line for each, and how to replay one that breaks a rule."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from localhost.campaign.trial import Verdict, try_seed


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignOptions:
    """Which seeds: so many from the *first* on; *trace* prints all that happened."""

    first: int = 1
    seeds: int = 20
    trace: bool = False


def run_campaign(options: CampaignOptions) -> bool:
    """Try the seeds one after the other, and say what came of them; whether all rules held."""
    verdicts = []
    for seed in range(options.first, options.first + options.seeds):
        verdict = try_seed(seed)
        verdicts.append(verdict)
        if options.trace:
            print("\n".join(verdict.trace))
        print(line(verdict), flush=True)
        for violation in verdict.violations:
            print(f"  broken: {violation}", flush=True)
    for text in summary(verdicts):
        print(text)
    return not any(verdict.violations for verdict in verdicts)


def line(verdict: Verdict) -> str:
    """A verdict in a line."""
    parts = (
        f"{verdict.machines} machines, {verdict.runs} runs, {verdict.installs} installs",
        _counted(verdict.outcomes),
        f"faults: {_counted(verdict.faults) or 'none'}; the process died {verdict.deaths} times",
        f"{verdict.throttled} calls over Azure's limits",
        f"{verdict.took.total_seconds() / 3600:.1f} hours",
        f"digest {verdict.digest}",
        f"{len(verdict.violations)} violations",
    )
    return f"seed {verdict.seed}: {'; '.join(parts)}"


def summary(verdicts: list[Verdict]) -> list[str]:
    """The total, and how to replay what broke."""
    outcomes, faults = Counter[str](), Counter[str]()
    for verdict in verdicts:
        outcomes.update(verdict.outcomes)
        faults.update(verdict.faults)
    broken = [verdict.seed for verdict in verdicts if verdict.violations]
    total = (
        f"total: {sum(one.installs for one in verdicts)} installs; {_counted(outcomes)}; "
        f"faults: {_counted(faults) or 'none'}; {sum(one.throttled for one in verdicts)} calls over Azure's limits; "
        f"{len(broken)} of {len(verdicts)} seeds broke a rule"
    )
    return [total, *(f'Replay it: make faults ARGS="--seed {seed} --trace"' for seed in broken)]


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
