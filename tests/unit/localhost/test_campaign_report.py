"""What the campaign prints, and what its command understands."""

from dataclasses import replace
from datetime import timedelta

import pytest

from localhost.campaign import run
from localhost.campaign.journal import Changed
from localhost.campaign.run import CampaignOptions, line, run_campaign, summary
from localhost.campaign.trial import Verdict
from localhost.command_line import campaign_options, main, parser
from shared.adapters.storage.keys import id_to_key
from shared.domain.records import RunId, job_key
from tests.builders import CONFIGURATION, WINDOW_OPENS

HOLDS = Verdict(
    seed=17,
    machines=30,
    runs=4,
    installs=41,
    deaths=2,
    faults={"hang": 1, "late": 2},
    outcomes={"Succeeded": 40, "Skipped": 3},
    throttled=0,
    took=timedelta(hours=30),
    violations=(),
    digest="0123456789ab",
    trace=("first this", "then that"),
)
BREAKS = replace(HOLDS, seed=18, violations=("invariant 2: two installs.",))


def test_a_verdict_is_one_line() -> None:
    assert line(HOLDS) == (
        "seed 17: 30 machines, 4 runs, 41 installs; Skipped 3, Succeeded 40; faults: hang 1, late 2; "
        "the process died 2 times; 0 calls over Azure's limits; 30.0 hours; digest 0123456789ab; 0 violations"
    )


def test_the_total_says_how_to_replay_what_broke() -> None:
    total, replay = summary([HOLDS, BREAKS])
    assert total.startswith("total: 82 installs; ")
    assert total.endswith("1 of 2 seeds broke a rule")
    assert replay == 'Replay it: make faults ARGS="--seed 18 --trace"'


@pytest.mark.parametrize(
    ("verdict", "code"), [pytest.param(HOLDS, 0, id="holds"), pytest.param(BREAKS, 1, id="breaks")]
)
def test_the_exit_code_says_whether_the_rules_hold(
    verdict: Verdict, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "try_seed", lambda seed: verdict)
    assert main(["faults", "--seed", "17"]) == code


def test_a_trace_comes_before_its_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "try_seed", lambda seed: BREAKS)
    run_campaign(CampaignOptions(seeds=1, trace=True))
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == ["first this", "then that"]
    assert printed[2] == line(BREAKS)
    assert printed[3] == "  broken: invariant 2: two installs."


def test_a_trace_names_the_whole_run_that_holds_a_machine() -> None:
    held = f"The machine is being patched by {RunId(configuration_id=CONFIGURATION, key='20260602020000').text}."
    entry = Changed(
        at=WINDOW_OPENS,
        run=id_to_key(RunId(configuration_id=CONFIGURATION, key="20260602021500").text),
        key=job_key("web-1"),
        machine="web-1",
        state="queued",
        why=held,
    )
    assert str(entry).endswith(f"({held})")


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        pytest.param([], CampaignOptions(), id="defaults"),
        pytest.param(
            ["--first", "9", "--seeds", "3"], CampaignOptions(first=9, seeds=3), id="a range"
        ),
        pytest.param(
            ["--seed", "5", "--trace"],
            CampaignOptions(first=5, seeds=1, trace=True),
            id="one with its trace",
        ),
        pytest.param(["--seed", "0"], CampaignOptions(first=0, seeds=1), id="seed 0"),
    ],
)
def test_a_switch_chooses_seeds(switches: list[str], expected: CampaignOptions) -> None:
    assert campaign_options(parser().parse_args(["faults", *switches])) == expected
