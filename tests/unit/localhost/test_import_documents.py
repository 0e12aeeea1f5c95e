"""What is sent for a server: new, registered already, and where host keys differ."""

from typing import Any

import asyncssh
import pytest

from localhost.import_servers.candidates import Candidate
from localhost.import_servers.documents import (
    HostKeyDiffersError,
    changed_document,
    new_document,
)
from localhost.import_servers.hosts import FoundHost
from localhost.import_servers.options import ImportOptions
from shared.errors import InvalidRequestError
from tests.builders import HOST_KEY, SUBSCRIPTION

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/ops"
ID = f"{GROUP}/providers/Muster.OnPremises/servers/db-1"
BARE = " ".join(HOST_KEY.split()[:2])
OTHER = " ".join(
    asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode().split()[:2]
)
FOUND: dict[str, Any] = {"name": "db-1", "host": "db-1.example.com", "tags": {"ansible:db": "yes"}}
TRUSTED = {"hostKeyData": {"trustedKey": BARE}}


def options(**changed: Any) -> ImportOptions:
    return ImportOptions(
        **{
            "openssh": None,
            "group_id": GROUP,
            "authentication": {"keySetting": "SSH_KEY"},
            "location": "berlin",
            "user": "muster",
            **changed,
        }
    )


def candidate(*keys: str, **changed: Any) -> Candidate:
    return Candidate(id=ID, found=FoundHost(**{**FOUND, **changed}), host_keys=keys)


def registered(given: Candidate, **further: Any) -> dict[str, Any]:
    """What Muster shows of a server that was imported."""
    document = new_document(given, options())
    ours = {"id": ID, "name": "db-1", "type": "Muster.OnPremises/servers", "systemData": {}}
    return {**ours, **document, **further}


def with_properties(resource: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {**resource, "properties": {**resource["properties"], **properties}}


def test_new_server_is_sent_with_all_that_is_known() -> None:
    assert new_document(candidate(BARE, OTHER), options(tags={"env": "prod"})) == {
        "location": "berlin",
        "tags": {"ansible:db": "yes", "env": "prod"},
        "properties": {
            "osType": "Linux",
            "host": "db-1.example.com",
            "port": 22,
            "user": "muster",
            "hostKey": BARE,
            "authentication": {"keySetting": "SSH_KEY"},
        },
    }


def test_what_the_source_says_goes_before_what_is_said_of_all() -> None:
    document = new_document(candidate(BARE, user="dba", location="bonn"), options())
    assert (document["location"], document["properties"]["user"]) == ("bonn", "dba")


def test_new_server_without_a_key_trusts_the_first() -> None:
    properties = new_document(candidate(), options())["properties"]
    assert (properties["trustOnFirstUse"], "hostKey" in properties) == (True, False)


def test_new_server_may_be_disabled() -> None:
    assert new_document(candidate(BARE), options(disabled=True))["properties"]["enabled"] is False


@pytest.mark.parametrize(
    ("found", "target"),
    [
        pytest.param({"host": "db_1"}, "properties.host", id="no host name"),
        pytest.param(
            {"user": "-oProxyCommand=x"}, "properties.user", id="a user that is an option"
        ),
        pytest.param({"port": 70_000}, "properties.port", id="no port"),
        pytest.param({"tags": {"db_password": "hunter2"}}, "tags", id="a secret"),
        pytest.param(
            {"tags": {"note": "-----BEGIN PRIVATE KEY-----"}}, "tags.note", id="a private key"
        ),
    ],
)
def test_what_muster_would_refuse_is_not_sent(found: dict[str, Any], target: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        new_document(candidate(BARE, **found), options())
    assert [one.target for one in refused.value.details] == [target]
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(registered(candidate(BARE)), candidate(BARE), id="a named key"),
        pytest.param(registered(candidate(OTHER)), candidate(BARE, OTHER), id="another good key"),
        pytest.param(registered(candidate(BARE)), candidate(), id="a key that is known no more"),
        pytest.param(registered(candidate()), candidate(), id="no key yet"),
        pytest.param(registered(candidate(), **TRUSTED), candidate(), id="a trusted key"),
        pytest.param(
            with_properties(
                registered(candidate(BARE)), hostKey=f"{BARE} a comment", enabled=False
            ),
            candidate(BARE),
            id="what an import does not say",
        ),
    ],
)
def test_the_same_again_is_not_sent(before: dict[str, Any], now: Candidate) -> None:
    assert changed_document(now, options(), registered=before) is None


def test_what_the_import_does_not_say_stays() -> None:
    before = with_properties(
        registered(candidate(BARE), tags={"ansible:old": "yes", "Owner": "me"}, note="kept"),
        enabled=False,
    )
    inventory: Any = {"ansible": "inventory.json"}
    sent = changed_document(
        candidate(BARE, port=2222), options(**inventory, tags={"owner": "you"}), registered=before
    )
    assert sent is not None
    assert set(sent) == {"location", "tags", "properties", "note"}
    assert sent["tags"] == {"ansible:db": "yes", "owner": "you"}
    assert (sent["properties"]["enabled"], sent["properties"]["port"]) == (False, 2222)


def test_tags_of_an_inventory_stay_when_another_source_is_imported() -> None:
    before = registered(candidate(BARE))
    sent = changed_document(candidate(BARE, tags={"a": "b"}), options(), registered=before)
    assert sent is not None
    assert sent["tags"] == {"ansible:db": "yes", "a": "b"}


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(registered(candidate(BARE)), id="named"),
        pytest.param(registered(candidate(), **TRUSTED), id="trusted on first use"),
    ],
)
def test_registered_host_key_is_replaced_only_when_told_so(before: dict[str, Any]) -> None:
    now = candidate(OTHER, port=2222)
    with pytest.raises(HostKeyDiffersError, match="nothing was changed"):
        changed_document(now, options(), registered=before)
    sent = changed_document(now, options(replace_host_keys=True), registered=before)
    assert sent is not None
    assert sent["properties"]["hostKey"] == OTHER


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize(
    ("before", "now", "key"),
    [
        pytest.param(
            registered(candidate()), candidate(BARE), {"hostKey": BARE}, id="known since then"
        ),
        pytest.param(
            registered(candidate(), **TRUSTED),
            candidate(BARE),
            {"hostKey": BARE},
            id="trusted and known since then",
        ),
        pytest.param(
            registered(candidate(), **TRUSTED),
            candidate(host="new.example.com"),
            {"hostKey": BARE},
            id="trusted, and moved",
        ),
        pytest.param(
            registered(candidate(BARE)),
            candidate(host="new.example.com"),
            {"hostKey": BARE},
            id="named, and moved",
        ),
        pytest.param(
            registered(candidate(), **TRUSTED),
            candidate(user="other"),
            {"trustOnFirstUse": True},
            id="trusted, and not moved",
        ),
    ],
)
def test_no_other_host_key_is_trusted(
    before: dict[str, Any], now: Candidate, key: dict[str, Any], replace: bool
) -> None:
    sent = changed_document(now, options(replace_host_keys=replace), registered=before)
    assert sent is not None
    members = ("hostKey", "trustOnFirstUse")
    assert {name: sent["properties"][name] for name in members if name in sent["properties"]} == key


def test_registered_document_that_breaks_a_rule_of_today_is_replaced() -> None:
    before = with_properties(registered(candidate(BARE)), forgotten="member")
    sent = changed_document(candidate(BARE), options(), registered=before)
    assert sent is not None
    assert "forgotten" not in sent["properties"]
