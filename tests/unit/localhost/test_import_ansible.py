"""Reading an Ansible inventory: a recorded one, and what Ansible may write otherwise."""

import json
from pathlib import Path
from typing import Any

import pytest

from localhost.errors import LocalhostError
from localhost.import_servers.ansible import Wishes, read_inventory
from localhost.import_servers.hosts import FoundHost, LeftOut

RECORDED = Path(__file__).parents[2] / "data" / "ansible"
PROD_WEB = {"ansible:prod": "yes", "ansible:web": "yes"}
PROD_DB = {"ansible:prod": "yes", "ansible:db": "yes"}


def recorded(name: str) -> str:
    """What a recorded command printed."""
    output: str = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))["output"]
    return output


def inventory(variables: dict[str, Any], **groups: Any) -> str:
    """An inventory of the one host web-1."""
    return json.dumps({"_meta": {"hostvars": {"web-1": variables}}, **groups})


def only(variables: dict[str, Any], wishes: Wishes | None = None, **groups: Any) -> Any:
    """What is made of the one host."""
    (found,) = read_inventory(inventory(variables, **groups), wishes or Wishes())
    return found


def test_recorded_inventory_is_read() -> None:
    found = read_inventory(recorded("list"), Wishes(tags_from=["env"], location_from="site"))
    here: dict[str, Any] = {"location": "berlin"}
    env = {"env": "prod"}
    assert found == [
        LeftOut(name="builder", why="Ansible reaches it by 'local', not by SSH."),
        FoundHost(
            name="db-1", host="10.0.0.5", user="postgres-admin", tags={**PROD_DB, **env}, **here
        ),
        LeftOut(
            name="db-2",
            why="Its ansible_host is a template, which ansible-inventory leaves as it is.",
        ),
        LeftOut(name="hidden-1", why="It is reached through another host, which is not supported."),
        FoundHost(name="lone", host="lone.example.com", user="legacy", tags=env, **here),
        FoundHost(
            name="web-1.example.com",
            host="web-1.example.com",
            user="deploy",
            tags={**PROD_WEB, **env},
            **here,
        ),
        FoundHost(
            name="web-2.example.com",
            host="web-2.example.com",
            port=2222,
            user="deploy",
            tags={**PROD_WEB, **env},
            **here,
        ),
        LeftOut(name="win-1", why="It runs Windows: connect it to Azure Arc."),
    ]


def test_nothing_secret_of_the_recorded_inventory_is_kept() -> None:
    kept = repr(read_inventory(recorded("list"), Wishes()))
    secrets = ("not-a-real", "ANSIBLE_VAULT", "id_db", "backup_token")
    assert [word for word in secrets if word in kept] == []
    assert all(word in recorded("list") for word in secrets)


def test_export_is_refused_since_it_keeps_variables_from_hosts() -> None:
    with pytest.raises(LocalhostError, match="made with --export"):
        read_inventory(recorded("export"), Wishes())


def test_only_the_groups_that_are_named_become_tags() -> None:
    found = read_inventory(recorded("list"), Wishes(groups=("db",)))
    tags = {one.name: one.tags for one in found if isinstance(one, FoundHost) and one.tags}
    assert tags == {"db-1": {"ansible:db": "yes"}}


def test_host_without_variables_is_found_in_its_group() -> None:
    text = json.dumps({"_meta": {"hostvars": {}}, "ungrouped": {"hosts": ["bare"]}})
    assert read_inventory(text, Wishes()) == [FoundHost(name="bare", host="bare")]


def test_groups_that_contain_each_other_end() -> None:
    found = only({}, a={"children": ["b"]}, b={"children": ["a"], "hosts": ["web-1"]})
    assert found.tags == {"ansible:a": "yes", "ansible:b": "yes"}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        pytest.param({"ansible_port": "2200"}, {"port": 2200}, id="a port as text"),
        pytest.param(
            {"ansible_port": 1, "ansible_ssh_port": 2}, {"port": 2}, id="the older name of the port"
        ),
        pytest.param(
            {"ansible_host": "a", "ansible_ssh_host": "b"},
            {"host": "b"},
            id="the older name of the host",
        ),
        pytest.param({"ansible_user": None}, {"user": ""}, id="a user that is null"),
        pytest.param({"ansible_connection": "ansible.builtin.ssh"}, {}, id="ssh by its full name"),
        pytest.param(
            {"ansible_ssh_common_args": "-o StrictHostKeyChecking=yes -o 'broken"},
            {},
            id="arguments that lead nowhere else",
        ),
    ],
)
def test_connection_variables_are_read(variables: dict[str, Any], expected: dict[str, Any]) -> None:
    assert only(variables) == FoundHost(**{"name": "web-1", "host": "web-1", **expected})


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        pytest.param({"ansible_connection": "psrp"}, "runs Windows", id="PowerShell remoting"),
        pytest.param({"ansible_shell_type": "powershell"}, "runs Windows", id="Windows over SSH"),
        pytest.param(
            {"ansible_connection": "community.docker.docker"}, "by 'docker', not", id="a container"
        ),
        pytest.param({"ansible_ssh_args": "-J bastion"}, "through another", id="-J"),
        pytest.param(
            {"ansible_ssh_extra_args": '-oProxyCommand="nc %h %p"'},
            "through another",
            id="a proxy command",
        ),
        pytest.param({"ansible_port": "ssh"}, "not a number from 1", id="a port by name"),
        pytest.param({"ansible_port": "²²"}, "not a number from 1", id="digits of another kind"),
        pytest.param(
            {"ansible_user": {"__ansible_vault": "$ANSIBLE"}}, "neither a text", id="a vault"
        ),
        pytest.param({"ansible_user": "{% if x %}"}, "is a template", id="a statement"),
    ],
)
def test_host_that_muster_cannot_reach_so_is_left_out(variables: dict[str, Any], why: str) -> None:
    found = only(variables)
    assert isinstance(found, LeftOut)
    assert why in found.why


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        pytest.param("prod", {"env": "prod"}, id="text"),
        pytest.param(7, {"env": "7"}, id="number"),
        pytest.param(True, {"env": "true"}, id="truth"),
        pytest.param(None, {}, id="null"),
        pytest.param("", {}, id="empty"),
    ],
)
def test_variable_becomes_a_tag(value: object, tags: dict[str, str]) -> None:
    assert only({"env": value}, Wishes(tags_from=["env"])).tags == tags


def test_tag_that_would_be_missing_in_silence_leaves_the_host_out() -> None:
    found = only({"env": ["prod"]}, Wishes(tags_from=["env"]))
    assert found == LeftOut(name="web-1", why="Its env is neither a text nor a number.")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("all:\n  hosts:\n", id="YAML"),
        pytest.param("[]", id="a list"),
        pytest.param("{}", id="no hosts"),
        pytest.param('{"_meta": {"hostvars": {"a": "hunter2"}}}', id="variables that are text"),
        pytest.param('{"_meta": {"hostvars": {}}, "web": ["hunter2"]}', id="a group as a list"),
        pytest.param("[" * 100_000, id="too deep"),
    ],
)
def test_what_is_no_inventory_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(LocalhostError) as refused:
        read_inventory(text, Wishes())
    assert str(refused.value) == "This is not the JSON that `ansible-inventory --list` prints."
