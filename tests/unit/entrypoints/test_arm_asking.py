"""What a person asks of machines over HTTP: an assessment, and consent."""

from datetime import timedelta
from typing import NoReturn

import pytest

from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.machines import MemoryFleet
from shared.adapters.memory.rows import MemoryRows
from shared.application.ports import Accepted, NotNow, Refused, RequestKind, Uncertain
from shared.domain.machine import Machine, MachineState, MachineType
from tests.builders import CONFIGURATION, SUBSCRIPTION, a_configuration, a_machine, a_scope, a_state
from tests.unit.entrypoints.arm_client import Answer, ArmClient, assert_arm_error

MUSTER = f"/subscriptions/{SUBSCRIPTION}/providers/Muster.Maintenance"
SCOPE = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Maintenance/configurationAssignments"
VM, ARC = a_machine("vm-2"), a_machine("arc-1", machine_type=MachineType.ARC_SERVER)


def add(fleet: MemoryFleet, *states: MachineState) -> None:
    fleet.states |= {state.machine.key: state for state in states}


async def ask(client: ArmClient, what: str, *machine_ids: str) -> Answer:
    return await client.send("POST", f"{MUSTER}/{what}", {"machines": list(machine_ids)})


async def test_consent_is_given_once_and_recorded(
    client: ArmClient, fleet: MemoryFleet, clock: MemoryClock
) -> None:
    add(fleet, a_state(VM, patch_mode="ImageDefault", bypass_checks=False))
    given = (await ask(client, "consent", VM.id.upper())).json["value"]
    assert given == [
        {
            "resourceId": VM.id,
            "answer": "Accepted",
            "requestedTime": "2026-06-01T12:00:00Z",
            "requestedBy": "local",
        }
    ]
    record = await client.services.machine_requests.latest_accepted(VM.key, RequestKind.CONSENT)
    assert record
    assert (record.by, record.by_kind, record.at) == ("local", "User", clock.now())
    (again,) = (await ask(client, "consent", VM.id)).json["value"]
    assert again["answer"] == "NotNeeded"
    assert "local has given consent at 2026-06-01 12:00 UTC" in again["message"]


@pytest.mark.parametrize(
    ("state", "answer", "word"),
    [
        pytest.param(a_state(VM), "NotNeeded", "not through Muster", id="consented elsewhere"),
        pytest.param(a_state(ARC), "NotNeeded", "no consent", id="a type that needs none"),
        pytest.param(
            a_state(VM, bypass_checks=False, hotpatching=True), "Refused", "hotpatching", id="hot"
        ),
    ],
)
async def test_consent_that_changes_nothing_says_why(
    client: ArmClient, fleet: MemoryFleet, state: MachineState, answer: str, word: str
) -> None:
    add(fleet, state)
    (found,) = (await ask(client, "consent", state.machine.id)).json["value"]
    assert (found["answer"], word in found["message"]) == (answer, True)
    assert fleet.states[state.machine.key] == state


async def test_request_is_recorded_before_it_is_sent(
    client: ArmClient, fleet: MemoryFleet, rows: MemoryRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(_machine: Machine) -> NoReturn:
        raise RuntimeError("the worker was killed")

    add(fleet, a_state(VM, bypass_checks=False))
    monkeypatch.setattr(fleet, "consent", dies)
    assert (await ask(client, "consent", VM.id)).status == 500
    (record,) = rows.tables["Machines"].values()
    assert (record.values["by"], record.values["answer"]) == ("local", "Unknown")


async def test_machine_that_is_gone_is_an_answer_beside_the_others(client: ArmClient) -> None:
    answers = (await ask(client, "assess", a_machine().id, VM.id)).json["value"]
    assert [one["answer"] for one in answers] == ["Accepted", "NotFound"]


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (Refused(message="no"), "Refused"),
        (NotNow(message="busy", cause="busy", again_in=timedelta(minutes=1)), "TryAgain"),
        (Uncertain(message="lost"), "Unknown"),
    ],
    ids=["refused", "busy", "lost"],
)
async def test_azures_answer_is_passed_on(
    client: ArmClient, fleet: MemoryFleet, reply: Refused | NotNow | Uncertain, answer: str
) -> None:
    fleet.replies[a_machine().key] = [reply]
    (found,) = (await ask(client, "assess", a_machine().id)).json["value"]
    assert (found["answer"], found["message"]) == (answer, reply.message)


async def test_change_that_azure_is_still_at_is_accepted_and_says_how_to_see_its_end(
    client: ArmClient, fleet: MemoryFleet
) -> None:
    add(fleet, a_state(VM, bypass_checks=False))
    fleet.replies[VM.key] = [Accepted(operation="https://management.azure.com/o1")]
    (under_way,) = (await ask(client, "consent", VM.id)).json["value"]
    assert under_way["answer"] == "Accepted"
    assert "ask again" in under_way["message"]
    record = await client.services.machine_requests.latest_accepted(VM.key, RequestKind.CONSENT)
    assert record
    assert record.message == under_way["message"]
    fleet.states[VM.key] = a_state(VM)
    (made,) = (await ask(client, "consent", VM.id)).json["value"]
    assert (made["answer"], "local has given consent" in made["message"]) == ("NotNeeded", True)


async def test_configuration_means_all_its_machines_or_those_without_consent(
    client: ArmClient, fleet: MemoryFleet
) -> None:
    add(fleet, a_state(VM, bypass_checks=False), a_state(ARC))
    await client.put(CONFIGURATION, a_configuration())
    await client.put(f"{SCOPE}/all", a_scope())
    for what, expected in (("assess", [ARC, a_machine(), VM]), ("consent", [VM]), ("consent", [])):
        body = {"configuration": CONFIGURATION}
        answers = (await client.send("POST", f"{MUSTER}/{what}", body)).json["value"]
        found = {one["resourceId"]: one["answer"] for one in answers}
        assert found == {machine.id: "Accepted" for machine in expected}


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({}, "$"),
        ({"machines": []}, "$"),
        ({"machines": [VM.id], "configuration": CONFIGURATION}, "$"),
        ({"machines": VM.id}, "machines"),
        ({"machines": [VM.id], "typo": 1}, "typo"),
        ({"machines": [VM.id, "nonsense"]}, "machines[1]"),
        ({"machines": [CONFIGURATION]}, "machines[0]"),
        ({"machines": [VM.id.replace("1111-", "2222-")]}, "machines[0]"),
        ({"configuration": VM.id}, "configuration"),
    ],
)
async def test_senseless_choice_is_refused(
    client: ArmClient, body: dict[str, object], target: str
) -> None:
    answer = await client.send("POST", f"{MUSTER}/consent", body)
    assert assert_arm_error(answer, 400, "InvalidParameter")["target"] == target


async def test_more_than_a_hundred_machines_are_too_many(
    client: ArmClient, fleet: MemoryFleet
) -> None:
    ids = [a_machine(f"vm-{number}").id for number in range(101)]
    error = assert_arm_error(await ask(client, "assess", *ids), 400, "LimitExceeded")
    assert "100" in error["message"]
    assert len((await ask(client, "assess", *ids[:100], ids[0])).json["value"]) == 100
    add(fleet, *(a_state(a_machine(f"vm-{number}")) for number in range(101)))
    await client.put(CONFIGURATION, a_configuration())
    await client.put(f"{SCOPE}/all", a_scope())
    whole = await client.send("POST", f"{MUSTER}/assess", {"configuration": CONFIGURATION})
    assert assert_arm_error(whole, 400, "LimitExceeded")["target"] == "configuration"


async def test_configuration_that_is_not_there_is_not_found(client: ArmClient) -> None:
    answer = await client.send("POST", f"{MUSTER}/assess", {"configuration": CONFIGURATION})
    assert_arm_error(answer, 404, "ResourceNotFound")


async def test_scope_that_cannot_be_read_is_no_empty_answer(
    client: ArmClient, fleet: MemoryFleet
) -> None:
    await client.put(CONFIGURATION, a_configuration())
    await client.put(f"{SCOPE}/all", a_scope())
    fleet.unreadable.add(SUBSCRIPTION)
    answer = await client.send("POST", f"{MUSTER}/consent", {"configuration": CONFIGURATION})
    error = assert_arm_error(answer, 503, "ServiceUnavailable")
    assert f"{SCOPE}/all" in error["message"]


async def test_only_machines_of_the_subscription_in_the_path_are_meant(client: ArmClient) -> None:
    await client.put(CONFIGURATION, a_configuration())
    await client.put(f"{SCOPE}/all", a_scope())
    elsewhere = MUSTER.replace("1111-", "2222-")
    answer = await client.send("POST", f"{elsewhere}/assess", {"configuration": CONFIGURATION})
    assert answer.json == {"value": []}
