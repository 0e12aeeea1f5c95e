"""The switches of `import`: what they come to, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from localhost.command_line import main, parser
from localhost.import_servers.options import ImportOptions
from localhost.import_servers.switches import import_options
from tests.builders import SUBSCRIPTION

PLACE = ["--subscription", SUBSCRIPTION, "--resource-group", "ops"]
LEAST = [*PLACE, "--ansible", "hosts.json", "--key-setting", "SSH_KEY", "--location", "berlin"]
DEFAULTS = ImportOptions(
    ansible=Path("hosts.json"),
    group_id=f"/subscriptions/{SUBSCRIPTION}/resourceGroups/ops",
    authentication={"keySetting": "SSH_KEY"},
    location="berlin",
)


def options(*switches: str) -> ImportOptions:
    return import_options(parser().parse_args(["import", *switches]))


def test_the_least_that_has_to_be_said() -> None:
    assert options(*LEAST) == DEFAULTS


def test_everything_else_that_can_be_said() -> None:
    given: dict[str, Any] = {
        "group_id": DEFAULTS.group_id,
        "ansible": Path("-"),
        "authentication": {"keyVaultSecret": "ssh-key"},
        "location_from": "site",
        "user": "muster",
        "tags": {"env": "prod", "note": "a=b"},
        "tags_from": ("role", "tier"),
        "group_tags": ("web",),
        "known_hosts": (Path("a"), Path("b")),
        "trust_on_first_use": True,
        "replace_host_keys": True,
        "disabled": True,
        "dry_run": True,
        "url": "https://muster.test",
        "audience": "client",
    }
    line = (
        "--ansible - --key-vault-secret ssh-key --location-from site --user muster --tag env=prod "
        "--tag note=a=b --tag-from role --tag-from tier --group-tag web --known-hosts a "
        "--known-hosts b --trust-on-first-use --replace-host-keys --disabled --dry-run "
        "--url https://muster.test/ --audience client"
    )
    assert options(*PLACE, *line.split()) == ImportOptions(**given)


def test_configuration_of_openssh_is_the_other_source() -> None:
    told = options(*PLACE, "--openssh", "config", "--key-setting", "K", "--location", "x")
    assert (told.openssh, told.ansible, told.own_tags) == (Path("config"), None, "")
    assert options(*LEAST).own_tags == "ansible:"


@pytest.mark.parametrize(
    ("switches", "sentence"),
    [
        pytest.param(
            [*LEAST, "--tag-from", "ansible_password"], "may hold secrets", id="Ansible's variable"
        ),
        pytest.param(
            [*LEAST, "--location-from", "ansible_host"], "may hold secrets", id="for the location"
        ),
        pytest.param([*LEAST, "--audience", "id"], "over https only", id="a token over http"),
        pytest.param([*LEAST, "--tag", "prod"], "NAME=VALUE", id="a tag without a value"),
        pytest.param([*LEAST, "--location", " "], "where the servers are", id="nowhere"),
        pytest.param([*LEAST, "--subscription", "mine"], "not a resource id", id="no GUID"),
        pytest.param([*LEAST, "--resource-group", "a/providers/x/y/z"], "name of a", id="no group"),
        pytest.param(
            [*PLACE, "--openssh", "c", "--key-setting", "K", "--location", "x", "--tag-from", "y"],
            "no groups and variables",
            id="a variable of OpenSSH's",
        ),
        pytest.param(
            [*LEAST, "--ansible", "/nowhere/hosts.json"], "No such file", id="no such file"
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(
    switches: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["import", *switches])
    told = capsys.readouterr().err
    assert (code, told.count("\n")) == (1, 1)
    assert sentence in told


@pytest.mark.parametrize(
    "switches",
    [
        pytest.param([*PLACE, "--key-setting", "K"], id="no source"),
        pytest.param([*LEAST, "--openssh", "config"], id="two sources"),
        pytest.param([*LEAST, "--key-vault-secret", "k"], id="two keys"),
        pytest.param([*LEAST, "--url", "muster.test"], id="no address"),
    ],
)
def test_switches_that_exclude_each_other_are_refused(
    switches: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        options(*switches)
    assert (refused.value.code, "usage:" in capsys.readouterr().err) == (2, True)
