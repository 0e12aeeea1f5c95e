"""Numbers for people: what benchmarks print."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from benchmarks.calls import LOOK, REQUEST, installs, machines_started, tallies
from benchmarks.measure_estate import Measured
from benchmarks.queries import least
from shared.domain.run import Outcome

_NOT_LOOKED_AT = (Outcome.TIMED_OUT, Outcome.CANCELLED)


def print_rows(rows: Mapping[str, object]) -> None:
    """A name and a value on each line."""
    for name, value in rows.items():
        match value:
            case float():
                print(f"{name:<36}{value:>10,.2f}")
            case int():
                print(f"{name:<36}{value:>10,}")
            case _:
                print(f"{name:<36}{value}")


def print_estate(measured: Measured) -> None:
    """One run over an estate."""
    plan, run = measured.plan, measured.run
    machines = sum(run.counts.values()) + run.open_jobs
    starts = [call.at for call in installs(measured.calls)]
    seconds = _seconds(measured, max(starts, default=measured.settled_at))
    settled = _seconds(measured, measured.settled_at) if measured.is_settled else "not settled"
    print_rows(
        {
            "machines": machines,
            "subscriptions": plan.subscriptions,
            "host processes": plan.hosts,
            "faults": f"{plan.faults:.1%} of the calls of each type, {plan.hang:.2%} hang",
            "speed of the clock": plan.speed,
            "status": run.status,
            "outcomes": ", ".join(f"{name} {count:,}" for name, count in run.counts.items()),
            "installs accepted": machines_started(measured.calls),
            "seconds until the last install": seconds,
            "machines per second": machines / seconds,
            "seconds until all was settled": settled,
            "invariants broken": len(measured.broken),
            "complaints in the log": ", ".join(f"{k} {n}" for k, n in measured.complaints.items()),
        }
    )
    for violation in measured.broken[:10]:
        print(f"  {violation}")
    _print_calls(measured, looked_at=machines - sum(run.counts.get(o, 0) for o in _NOT_LOOKED_AT))
    _print_queries(measured)
    _print_memory(measured)


def print_growth(small: Measured, large: Measured) -> None:
    """How much more memory a host needs at its peak for more machines."""
    peaks = [max(host.at_end.peak for host in each.memory) for each in (small, large)]
    machines = [each.plan.machines for each in (small, large)]
    print_rows({f"growth from {machines[0]:,} to {machines[1]:,}, MiB": peaks[1] - peaks[0]})


def _seconds(measured: Measured, instant: datetime) -> float:
    """Real seconds from the opening of the window on."""
    return (instant - measured.run.starts_at).total_seconds() / measured.plan.speed


def _print_calls(measured: Measured, *, looked_at: int) -> None:
    needed = {LOOK: looked_at, REQUEST: machines_started(measured.calls)}
    print(
        f"\n{'calls of Azure':<36}{'all':>9}{'lost':>8}{'limits':>8}{'again':>8}{'counted':>9}"
        f"{'least':>9}{'ratio':>7}"
    )
    for kind, tally in tallies(measured.calls).items():
        numbers = f"{tally.all:>9,}{tally.lost:>8,}{tally.throttled:>8,}{tally.repeated:>8,}"
        print(f"{kind:<36}{numbers}{_ratio(tally.held_against_the_app, needed.get(kind))}")


def _print_queries(measured: Measured) -> None:
    asked = Counter(query.table for queries in measured.queries for query in queries)
    needed = sum((least(queries) for queries in measured.queries), Counter[str]())
    print(f"\n{'queries answered':<36}{'rows':>9}{'':>24}{'counted':>9}{'least':>9}{'ratio':>7}")
    for table, count in sorted(asked.items()):
        rows = sum(
            query.rows for queries in measured.queries for query in queries if query.table == table
        )
        print(f"{table:<36}{rows:>9,}{'':>24}{_ratio(count, needed[table])}")


def _ratio(counted: int, needed: int | None) -> str:
    if not needed:
        return f"{counted:>9,}"
    return f"{counted:>9,}{needed:>9,}{counted / needed:>7.2f}"


def _print_memory(measured: Measured) -> None:
    print(f"\n{'memory of a host, MiB':<36}{'start':>9}{'peak':>8}{'end':>8}")
    for number, host in enumerate(measured.memory, 1):
        sizes: Sequence[float] = (host.at_start.now, host.at_end.peak, host.at_end.now)
        print(f"{number:<36}{sizes[0]:>9.1f}{sizes[1]:>8.1f}{sizes[2]:>8.1f}")
