"""The generated fleet: repeatable, mixed, and never without work."""

from localhost.azure.fleet import Kind
from localhost.azure.generate import generate, subscription_id
from localhost.azure.updates import CLASSIFICATIONS, Os


def test_same_arguments_give_the_same_machines() -> None:
    assert generate(50, 3).machines() == generate(50, 3).machines()
    assert generate(50, 3).machines() != generate(50, 4).machines()


def test_fleet_has_the_size_and_the_subscriptions_that_were_asked_for() -> None:
    fleet = generate(100, 1, subscriptions=2)
    assert len(fleet.machines()) == 100
    expected = {subscription_id(1), subscription_id(2)}
    assert {machine.subscription for machine in fleet.machines()} == expected


def test_fleet_is_mixed() -> None:
    machines = generate(500, 1).machines()
    assert {(m.kind, m.os) for m in machines} == {(k, o) for k in Kind for o in Os}
    vms = [m for m in machines if m.kind is Kind.VM]
    consents = {(m.patch_mode, m.bypass_checks) for m in vms}
    assert {("AutomaticByPlatform", True), ("AutomaticByPlatform", False)} < consents
    assert {m.reachable for m in vms} == {True, False}
    assert {m.reachable for m in machines if m.kind is Kind.ARC} == {True, False}
    assert {"env", "Env"} <= {name for m in machines for name in m.tags or {}}
    assert any(m.tags is None for m in machines)
    assert any(m.failing for m in machines)


def test_every_machine_lacks_an_update_of_every_classification() -> None:
    for machine in generate(60, 9).machines():
        lacking = {update.classification for update in machine.missing}
        assert lacking == set(CLASSIFICATIONS[machine.os])


def test_arc_servers_have_no_patch_settings() -> None:
    servers = [m for m in generate(60, 1).machines() if m.kind is Kind.ARC]
    assert servers
    assert all(m.patch_mode is None and m.bypass_checks is None for m in servers)
