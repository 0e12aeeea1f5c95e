"""Resource Graph's query language, replies and refusals, as the product's queries need them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from localhost.azure.errors import ArmError
from localhost.azure.fleet import Fleet
from localhost.azure.generate import generate
from localhost.azure.resource_graph import to_sql, translated
from localhost.azure.server import LocalAzure
from tests.unit.localhost_azure.estate import SUBSCRIPTION, StandingClock, machine

OTHER = "6b1f0c52-8d3e-4f7a-9a41-000000000002"


def names(azure: LocalAzure, query: str, **body: Any) -> list[str]:
    reply = azure.query({"query": f"{query} | project name", **body})
    return [row["name"] for row in reply["data"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param(
            "resources | where type =~ 'Microsoft.HybridCompute/machines'",
            {"arc-linux", "arc-off"},
            id="equal without case",
        ),
        pytest.param(
            "resources | where location in~ ('WestEurope') and resourceGroup =~ 'rg-WEB' "
            "and name startswith 'VM-'",
            {"vm-win", "vm-linux", "vm-off"},
            id="one of a list without case",
        ),
        pytest.param(
            "resources | where tostring(properties.storageProfile.osDisk.osType) =~ 'linux'",
            {"vm-linux"},
            id="inside properties",
        ),
        pytest.param(
            "resources | where properties.status == 'Connected'", {"arc-linux"}, id="Arc status"
        ),
        pytest.param(
            "resources | where properties.extended.instanceView.powerState.code has 'deallocated'",
            {"vm-off"},
            id="power state",
        ),
        pytest.param(
            "resources | where tags['Env'] == 'prod' and name endswith '-win'",
            {"vm-win"},
            id="a tag",
        ),
        pytest.param(r"resources | where name =~ 'it\'s \\ \n'", set(), id="escapes in a literal"),
        pytest.param(
            "resources | where name == 'vm-win' and now() == datetime(2026-03-01T12:00:00Z)",
            {"vm-win"},
            id="now is the virtual clock",
        ),
    ],
)
def test_query_selects(azure: LocalAzure, query: str, expected: set[str]) -> None:
    assert set(names(azure, query)) == expected


def test_pages_in_the_order_of_ids_show_every_machine_once(clock: StandingClock) -> None:
    azure = LocalAzure(generate(50, 1), now=clock)
    seen: list[str] = []
    while True:
        last = seen[-1] if seen else ""
        query = (
            f"resources | extend key = tolower(id) | where strcmp(key, '{last}') > 0 "
            "| order by key asc | take 20 | project key"
        )
        page = [row["key"] for row in azure.query({"query": query})["data"]]
        if not page:
            break
        seen += page
    assert seen == sorted(found.key for found in azure.fleet.machines())
    azure.close()


def test_only_named_subscriptions_are_seen(azure: LocalAzure, fleet: Fleet) -> None:
    fleet.add(machine("vm-elsewhere", subscription=OTHER))
    assert names(azure, "resources", subscriptions=[OTHER.upper()]) == ["vm-elsewhere"]
    assert len(names(azure, "resources", subscriptions=[SUBSCRIPTION, OTHER])) == 6
    assert names(azure, "resources", subscriptions=["00000000-0000-0000-0000-000000000000"]) == []
    assert len(names(azure, "resources")) == 6


def test_dynamic_columns_come_back_as_objects(
    azure: LocalAzure, fleet: Fleet, id_of: Callable[[str], str]
) -> None:
    fleet.add(machine("vm-bare", tags=None))
    data = azure.query({"query": "resources | where name in ('vm-win', 'vm-bare') | order by name"})
    win, bare = data["data"]
    assert win["id"] == id_of("vm-win")
    assert (win["type"], win["resourceGroup"]) == ("microsoft.compute/virtualmachines", "rg-web")
    assert win["tags"] == {"Env": "prod"}
    assert win["properties"]["storageProfile"]["osDisk"]["osType"] == "Windows"
    assert bare["tags"] is None


def test_long_results_are_cut_and_say_so(clock: StandingClock) -> None:
    azure = LocalAzure(generate(1001, 1), now=clock)
    whole = azure.query({"query": "resources"})
    assert (whole["count"], whole["totalRecords"], whole["resultTruncated"]) == (1000, 1001, "true")
    few = azure.query({"query": "resources", "options": {"$top": 3}})
    assert (len(few["data"]), few["resultTruncated"]) == (3, "true")
    fit = azure.query({"query": "resources | take 1000"})
    assert (fit["count"], fit["resultTruncated"]) == (1000, "false")
    azure.close()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(None, id="no body"),
        pytest.param({}, id="no query"),
        pytest.param({"query": "resources | wherex"}, id="syntax"),
        pytest.param({"query": "nosuchtable"}, id="unknown table"),
        pytest.param({"query": "resources | where nosuchcolumn == 1"}, id="unknown column"),
        pytest.param({"query": "resources | where name == 'a"}, id="unbalanced quote"),
        pytest.param({"query": ".drop table resources"}, id="a command"),
        pytest.param({"query": "resources", "options": {"$top": 1001}}, id="too large a page"),
        pytest.param({"query": "resources", "subscriptions": SUBSCRIPTION}, id="no list"),
    ],
)
def test_bad_query_is_refused_as_azure_does(azure: LocalAzure, body: object) -> None:
    with pytest.raises(ArmError) as refusal:
        azure.query(body)
    assert (refusal.value.status, refusal.value.code) == (400, "BadRequest")
    assert refusal.value.details[0][0] == "InvalidQuery"


def test_refused_query_leaves_the_tables_usable(azure: LocalAzure) -> None:
    with pytest.raises(ArmError):
        azure.query({"query": "nosuchtable"})
    assert len(names(azure, "resources")) == 5


@pytest.mark.parametrize(
    "text",
    [
        "resources | where todatetime(tags.at) >= datetime(2026-03-01T12:00:00.000001Z)",
        "resources | where tags.at == 'datetime(2026-03-01T12:00:00.000001Z)'",
        "resources | where datetime(2026-03-01T12:00:00.000001Z) < datetime(2026-03-02T12:00:00.000001Z)",
        "resources | where todatetime(tags.at) >= ago(1d)",
        "resources | where datetime(2026-03-01T12:00:00.000001Z) < now()",
        "resources",
    ],
)
def test_a_translation_that_is_remembered_is_the_one_that_would_be_made(text: str) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    for at in ("2026-03-01", "2027-04-05", "2000-01-01"):
        query = text.replace("2026-03-01", at)
        made = to_sql(query, now)
        assert translated(query, now) == (str(made), made.parameters)
