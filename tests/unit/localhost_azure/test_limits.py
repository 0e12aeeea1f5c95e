"""Buckets of tokens: what a request takes, what comes back when, and what the headers say."""

from collections.abc import Callable
from datetime import datetime, timedelta

import aiohttp
import pytest

from localhost.azure.fleet import Fleet
from localhost.azure.limits import Allowance, Charge, Cost, Limits, Meter
from localhost.azure.server import LocalAzure
from tests.unit.localhost_azure.estate import SUBSCRIPTION, StandingClock, machine

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
RESOURCE = "x-ms-ratelimit-remaining-resource"
WRITES = "x-ms-ratelimit-remaining-subscription-writes"
READS = "x-ms-ratelimit-remaining-subscription-reads"
ARC_POLLS = "x-ms-ratelimit-remaining-subscription-resource-requests"
QUOTA = "x-ms-user-quota-remaining"
RESETS = "x-ms-user-quota-resets-after"
NOON = StandingClock().instant


def charge(
    meter: Meter, cost: Cost, *, at: datetime = NOON, subscription: str = "s", region: str = "r"
) -> Charge:
    return meter.charge(cost, subscription=subscription, region=region, now=at)


def taken(meter: Meter, cost: Cost, *, at: datetime = NOON) -> int:
    """How many requests pass before the first that is throttled."""
    passed = 0
    while charge(meter, cost, at=at).throttled_by is None:
        passed += 1
    return passed


@pytest.mark.parametrize(
    ("cost", "burst"),
    [
        pytest.param(Cost.WRITE, 200, id="writes"),
        pytest.param(Cost.READ, 250, id="reads"),
        pytest.param(Cost.VM_PATCH, 190, id="patch operations of VMs"),
        pytest.param(Cost.VM_POLL, 15_000, id="polls of VMs"),
        pytest.param(Cost.ARC_POLL, 250, id="polls of Arc servers"),
        pytest.param(Cost.QUERY, 15, id="queries"),
    ],
)
def test_burst_passes_and_the_next_request_is_throttled(cost: Cost, burst: int) -> None:
    assert taken(Meter(Limits()), cost) == burst


@pytest.mark.parametrize(
    ("cost", "headers"),
    [
        pytest.param(
            Cost.VM_PATCH,
            {
                RESOURCE: "Microsoft.Compute/PatchOperation3Min;189,"
                "Microsoft.Compute/PatchOperation30Min;599",
                WRITES: "199",
            },
            id="patch operation of a VM",
        ),
        pytest.param(
            Cost.VM_POLL,
            {
                RESOURCE: "Microsoft.Compute/GetOperation3Min;14999,"
                "Microsoft.Compute/GetOperation30Min;29999"
            },
            id="poll of a VM",
        ),
        pytest.param(Cost.WRITE, {WRITES: "199"}, id="write"),
        pytest.param(Cost.READ, {READS: "249"}, id="read"),
        pytest.param(Cost.ARC_POLL, {ARC_POLLS: "249"}, id="poll of an Arc server"),
        pytest.param(Cost.QUERY, {QUOTA: "14", RESETS: "00:00:05"}, id="query"),
    ],
)
@pytest.mark.parametrize("limits", [Limits(), None], ids=["limited", "never throttled"])
def test_headers_tell_what_is_left(
    cost: Cost, headers: dict[str, str], limits: Limits | None
) -> None:
    assert charge(Meter(limits), cost).headers == headers


@pytest.mark.parametrize(
    ("cost", "bucket", "wait"),
    [
        pytest.param(Cost.WRITE, WRITES, SECOND, id="one that flows"),
        pytest.param(
            Cost.VM_PATCH, "Microsoft.Compute/PatchOperation3Min", 180 * SECOND, id="a window"
        ),
    ],
)
def test_empty_bucket_says_when_there_is_a_token_and_then_there_is(
    cost: Cost, bucket: str, wait: timedelta
) -> None:
    meter = Meter(Limits())
    taken(meter, cost)
    refused = charge(meter, cost, at=NOON)
    assert refused.throttled_by == bucket
    assert refused.headers["Retry-After"] == f"{wait.seconds}"
    assert charge(meter, cost, at=NOON + wait - SECOND / 2).throttled_by or cost is Cost.WRITE
    assert charge(meter, cost, at=NOON + wait).throttled_by is None


def test_rejected_request_takes_no_token_of_any_bucket() -> None:
    meter = Meter(Limits())
    taken(meter, Cost.VM_PATCH)
    for _ in range(50):
        charge(meter, Cost.VM_PATCH)
    assert charge(meter, Cost.WRITE).headers[WRITES] == "9"


@pytest.mark.parametrize(
    ("cost", "after", "more"),
    [
        pytest.param(Cost.WRITE, SECOND, 10, id="ten writes a second"),
        pytest.param(Cost.READ, SECOND, 25, id="25 reads a second"),
        pytest.param(Cost.VM_PATCH, 2 * MINUTE, 0, id="no patch operation within three minutes"),
        pytest.param(Cost.VM_PATCH, 3 * MINUTE, 190, id="all of them after it"),
        pytest.param(Cost.QUERY, 4 * SECOND, 0, id="no query within the window"),
        pytest.param(Cost.QUERY, 5 * SECOND, 15, id="all queries after it"),
        pytest.param(Cost.WRITE, MINUTE, 200, id="never more than the burst"),
    ],
)
def test_tokens_come_back(cost: Cost, after: timedelta, more: int) -> None:
    meter = Meter(Limits())
    taken(meter, cost)
    assert taken(meter, cost, at=NOON + after) == more


def test_thirty_minutes_hold_no_more_patch_operations_than_their_bucket() -> None:
    meter, passed = Meter(Limits()), 0
    for minute in range(30):
        passed += taken(meter, Cost.VM_PATCH, at=NOON + minute * MINUTE)
    assert passed == 600
    assert taken(meter, Cost.VM_PATCH, at=NOON + 30 * MINUTE) == 190


def test_other_reading_of_the_recorded_buckets_lets_tokens_flow_into_them() -> None:
    steadily = Allowance(size=600, period=30 * MINUTE)
    meter, passed = Meter(Limits(patches_30_min=steadily)), 0
    for minute in range(30):
        passed += taken(meter, Cost.VM_PATCH, at=NOON + minute * MINUTE)
    assert passed > 600 + 27 * 20


def test_subscriptions_and_regions_have_buckets_of_their_own_and_queries_have_not() -> None:
    meter = Meter(Limits())
    places = [("s", "West Europe"), ("S", "westeurope"), ("s", "eastus"), ("t", "westeurope")]

    def left(cost: Cost, header: str) -> list[str]:
        return [
            charge(meter, cost, subscription=one, region=region).headers[header]
            for one, region in places
        ]

    assert left(Cost.READ, READS) == ["249", "248", "249", "249"]
    assert left(Cost.QUERY, QUOTA) == ["14", "13", "12", "11"]


def test_window_of_the_quota_begins_with_its_first_query() -> None:
    meter = Meter(Limits())
    charge(meter, Cost.QUERY)
    later = charge(meter, Cost.QUERY, at=NOON + 3 * SECOND).headers
    assert (later[QUOTA], later[RESETS]) == ("13", "00:00:02")
    fresh = charge(meter, Cost.QUERY, at=NOON + 8 * SECOND).headers
    assert (fresh[QUOTA], fresh[RESETS]) == ("14", "00:00:05")


@pytest.mark.parametrize(
    ("cost", "at_once", "a_minute"),
    [
        pytest.param(Cost.WRITE, 800, 600, id="writes"),
        pytest.param(Cost.READ, 1750, 1500, id="reads"),
        pytest.param(Cost.QUERY, 180, 180, id="queries"),
        pytest.param(Cost.VM_PATCH, 190, 0, id="patch operations"),
    ],
)
def test_clock_that_moves_in_steps_gets_a_step_in_advance_and_no_more(
    cost: Cost, at_once: int, a_minute: int
) -> None:
    meter = Meter(Limits().in_steps(MINUTE))
    assert taken(meter, cost) == at_once
    assert [taken(meter, cost, at=NOON + n * MINUTE) for n in (1, 2)] == [a_minute, a_minute]


def test_reserve_of_a_step_is_not_told() -> None:
    meter = Meter(Limits().in_steps(MINUTE))
    assert charge(meter, Cost.WRITE).headers[WRITES] == "200"
    assert charge(meter, Cost.QUERY).headers[QUOTA] == "15"


# --- over HTTP -----------------------------------------------------------------------------------

VERSION = {"api-version": "2024-07-01"}
GRAPH = "/providers/Microsoft.ResourceGraph/resources"
SPENT = Allowance(size=1, period=timedelta(hours=1))


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    """The small fleet, and a VM in another region."""
    fleet.add(machine("vm-east", location="eastus"))
    return fleet


async def test_throttled_install_has_no_effect_and_is_in_the_log(
    http: tuple[LocalAzure, aiohttp.ClientSession],
    id_of: Callable[[str], str],
    clock: StandingClock,
) -> None:
    azure, session = http
    azure.meter = Meter(Limits(patches_30_min=SPENT))
    body = {"rebootSetting": "Never", "maximumDuration": "PT2H"}

    async def status(name: str) -> int:
        address = f"{id_of(name)}/installPatches"
        async with session.post(address, params=VERSION, json=body) as reply:
            return reply.status

    assert [await status(name) for name in ("vm-win", "vm-linux", "vm-east")] == [202, 429, 202]
    assert await status("arc-linux") == 202
    [rejected] = azure.calls.throttled()
    assert (rejected.machine, rejected.status) == (id_of("vm-linux"), 429)
    assert rejected.throttled == "Microsoft.Compute/PatchOperation30Min"
    assert len(azure.calls.installs()) == 3
    clock.advance(timedelta(hours=1))
    assert await status("vm-linux") == 202


async def test_throttled_query_says_so_in_resource_graphs_words(
    http: tuple[LocalAzure, aiohttp.ClientSession],
) -> None:
    azure, session = http
    azure.meter = Meter(Limits())
    replies = [
        await session.post(GRAPH, params=VERSION, json={"query": "resources"}) for _ in range(16)
    ]
    assert [reply.status for reply in replies] == 15 * [200] + [429]
    assert [int(reply.headers[QUOTA]) for reply in replies] == [*range(14, -1, -1), 0]
    assert replies[-1].headers["Retry-After"] == "5"
    assert (await replies[-1].json())["error"]["code"] == "RateLimiting"


async def test_refusals_tell_what_is_left_too(
    http: tuple[LocalAzure, aiohttp.ClientSession], id_of: Callable[[str], str]
) -> None:
    azure, session = http
    azure.meter = Meter(Limits())
    async with session.post(f"{id_of('vm-off')}/assessPatches", params=VERSION) as reply:
        assert (reply.status, reply.headers[WRITES]) == (409, "199")
    address = f"/subscriptions/{SUBSCRIPTION}"
    async with session.get(address, params=VERSION) as reply:
        assert (reply.status, reply.headers[READS]) == (200, "249")
