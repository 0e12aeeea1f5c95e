"""What the Functions host finds when it indexes the app."""

import json
from pathlib import Path

from localhost.functions.function_index import HttpFunction, QueueFunction, TimerFunction, index
from localhost.stage import load_app

ROOT = Path(__file__).resolve().parents[2]


def test_index_holds_exactly_these_functions() -> None:
    found = {}
    functions = index(load_app(), {"AzureWebJobsStorage": "UseDevelopmentStorage=true"})
    for name, function in functions.items():
        match function:
            case TimerFunction():
                found[name] = "timer"
            case QueueFunction(queue=queue):
                found[name] = queue
            case HttpFunction(route=route):
                found[name] = route
    assert found == {
        "arm": "subscriptions/{*path}",
        "collect_results": "timer",
        "evaluate_schedules": "timer",
        "openapi": "openapi.json",
        "reconcile_run": "runs",
        "record_poisoned_job": "jobs-poison",
        "record_poisoned_run": "runs-poison",
        "start_job": "jobs",
        "unmatched": "{*path}",
    }


def test_timers_tick_each_minute_and_not_at_once() -> None:
    bindings = [json.loads(str(function)) for function in load_app().get_functions()]
    schedules = {binding["bindings"][0].get("schedule") for binding in bindings}
    assert schedules == {None, "0 * * * * *", "30 * * * * *"}


def test_host_expects_what_the_outbox_sends() -> None:
    queues = json.loads((ROOT / "host.json").read_text())["extensions"]["queues"]
    assert queues["messageEncoding"] == "base64"
    assert queues["visibilityTimeout"] == "00:00:30"
    assert queues["maxPollingInterval"] == "00:00:02"
    assert queues["maxDequeueCount"] == 5


def test_nothing_that_is_deployed_needs_what_is_not() -> None:
    ignored = (ROOT / ".funcignore").read_text().split()
    assert {"localhost/", "tests/", "benchmarks/", "node_modules/"} <= set(ignored)
    assert not {"shared/", "function_app.py", "host.json", "requirements.txt"} & set(ignored)
