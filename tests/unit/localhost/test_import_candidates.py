"""Who of the hosts that were found may be registered, and under which name."""

from pathlib import Path
from typing import Any

import pytest

from localhost.import_servers.candidates import choose, resource_name
from localhost.import_servers.host_keys import HostKeys
from localhost.import_servers.hosts import FoundHost, LeftOut
from localhost.import_servers.options import ImportOptions
from localhost.import_servers.report import Result, State
from tests.builders import HOST_KEY, SUBSCRIPTION

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/ops"
BARE = " ".join(HOST_KEY.split()[:2])


@pytest.fixture
def known(tmp_path: Path) -> HostKeys:
    """A key for every host below example.com, and a revoked one for bad.test."""
    path = tmp_path / "known_hosts"
    lines = f"*.example.com {HOST_KEY}\n@revoked bad.test {HOST_KEY}\n"
    path.write_text(lines, encoding="utf-8")
    return HostKeys.read([path])


def options(**changed: Any) -> ImportOptions:
    return ImportOptions(
        **{
            "group_id": GROUP,
            "authentication": {"keySetting": "SSH_KEY"},
            "location": "berlin",
            "user": "muster",
            **changed,
        }
    )


def host(name: str, **changed: Any) -> FoundHost:
    return FoundHost(**{"name": name, "host": f"{name}.example.com", **changed})


def test_host_with_a_known_key_is_a_candidate(known: HostKeys) -> None:
    (one,), results = choose([host("db-1")], known, options())
    assert one.id == f"{GROUP}/providers/Muster.OnPremises/servers/db-1"
    assert (one.host_keys, results) == ((BARE,), [])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("web-1.example.com", "web-1.example.com", id="a DNS name"),
        pytest.param("fd00::7", "fd00--7", id="an address"),
        pytest.param("db 1/α", "db-1", id="what a URL may not hold"),
        pytest.param(".._..", "_", id="dots at the ends"),
    ],
)
def test_host_name_becomes_a_resource_name(name: str, expected: str) -> None:
    assert resource_name(name) == expected


def test_names_that_become_one_are_refused_with_both(known: HostKeys) -> None:
    found = [host("web:1", host="a.example.com"), host("WEB-1", host="b.example.com"), host("db-1")]
    candidates, results = choose(found, known, options())
    why = "'web:1' and 'WEB-1' would be one server, 'web-1'."
    assert [one.found.name for one in candidates] == ["db-1"]
    assert results == [
        Result(state=State.FAILED, name="web:1", message=why),
        Result(state=State.FAILED, name="WEB-1", message=why),
    ]


def test_name_of_which_nothing_is_left_is_refused(known: HostKeys) -> None:
    candidates, results = choose([host("...", host="a.example.com")], known, options())
    assert (candidates, results[0].state) == ([], State.FAILED)


def test_second_name_of_one_host_and_port_is_left_out(known: HostKeys) -> None:
    found = [
        host("web", host="web.example.com"),
        host("alias", host="WEB.example.com."),
        host("other-port", host="web.example.com", port=2222),
    ]
    candidates, results = choose(found, known, options(trust_on_first_use=True))
    assert [one.found.name for one in candidates] == ["web", "other-port"]
    assert results == [
        Result(state=State.LEFT_OUT, name="alias", message="It has the host and port of 'web'.")
    ]


@pytest.mark.parametrize(
    ("found", "told", "why"),
    [
        pytest.param(host("a", host="a.test"), {}, "has no key of a.test:", id="no key"),
        pytest.param(
            host("a", host="bad.test"), {"trust_on_first_use": True}, "is revoked", id="revoked"
        ),
        pytest.param(host("a"), {"user": ""}, "as whom to sign in", id="no user"),
        pytest.param(
            host("a"), {"location": "", "location_from": "site"}, "has no site", id="no location"
        ),
        pytest.param(
            LeftOut(name="a", why="It is a printer."), {}, "a printer", id="by its source"
        ),
    ],
)
def test_host_is_left_out_with_the_reason(
    found: FoundHost | LeftOut, told: dict[str, Any], why: str, known: HostKeys
) -> None:
    candidates, (result,) = choose([found], known, options(**told))
    assert (candidates, result.state, result.name) == ([], State.LEFT_OUT, "a")
    assert why in result.message


def test_host_without_a_key_is_trusted_only_when_told_so(known: HostKeys) -> None:
    (one,), _ = choose([host("a", host="a.test")], known, options(trust_on_first_use=True))
    assert one.host_keys == ()
