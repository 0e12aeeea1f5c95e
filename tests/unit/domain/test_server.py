"""What the parts of a registered server may be; no refusal repeats what was sent."""

from collections.abc import Callable

import pytest

from shared.domain.machine import OsType
from shared.domain.server import (
    check_tags,
    parse_host,
    parse_location,
    parse_port,
    parse_secret_name,
    parse_setting_name,
    parse_system,
    parse_user,
)
from shared.errors import InvalidRequestError

Parse = Callable[[str], object]


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("db-1", id="one label"),
        pytest.param("db-1.Example.COM", id="a name in any case"),
        pytest.param("db-1.example.com.", id="a name from the root"),
        pytest.param("3com.example", id="a label that begins with a digit"),
        pytest.param(f"{'a' * 63}.example", id="the longest label"),
        pytest.param("10.20.0.7", id="IPv4"),
        pytest.param("fd00::7", id="IPv6"),
    ],
)
def test_host_is_a_name_or_an_address(host: str) -> None:
    assert parse_host(host) == host


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("", id="nothing"),
        pytest.param(".", id="a dot"),
        pytest.param("-oProxyCommand=reboot", id="an option"),
        pytest.param("-db", id="a hyphen first"),
        pytest.param("db-.example", id="a label that ends with a hyphen"),
        pytest.param("root@db-1", id="a user"),
        pytest.param("db-1:22", id="a port"),
        pytest.param("db-1 reboot", id="two words"),
        pytest.param("db-1\n", id="a line end"),
        pytest.param("db_1", id="an underscore"),
        pytest.param("db..example", id="an empty label"),
        pytest.param("dbü", id="not ASCII"),
        pytest.param("[fd00::7]", id="an address in brackets"),
        pytest.param("fe80::7%eth0", id="an address with a zone"),
        pytest.param("10.20.0", id="an address with a part missing"),
        pytest.param("10.20.0.700", id="an address beyond its bounds"),
        pytest.param(f"{'a' * 64}.example", id="a label too long"),
        pytest.param(".".join(["a" * 49] * 6), id="a name too long"),
        pytest.param("ssh://db-1", id="a URL"),
        pytest.param("$(reboot)", id="a command"),
    ],
)
def test_nothing_else_is_a_host(host: str) -> None:
    with pytest.raises(InvalidRequestError, match="DNS name or an IP address"):
        parse_host(host)


@pytest.mark.parametrize("user", ["root", "muster-1", "_apt", "jane.doe", "Ops", "u" * 32])
def test_user_is_a_posix_name(user: str) -> None:
    assert parse_user(user) == user


@pytest.mark.parametrize(
    "user",
    ["", "-l", ".ssh", "a b", "a@b", "a:b", "a/b", "domain\\ann", "u" * 33, "ann\n", "jürgen"],
)
def test_nothing_else_is_a_user(user: str) -> None:
    with pytest.raises(InvalidRequestError, match="POSIX user"):
        parse_user(user)


def test_ports_have_bounds() -> None:
    assert [parse_port(port) for port in (1, 22, 65535)] == [1, 22, 65535]
    for wrong in (0, -22, 65536, 22.0, "22", True, None, [22]):
        with pytest.raises(InvalidRequestError, match="1 to 65535"):
            parse_port(wrong)


def test_system_is_linux_and_windows_is_shown_the_way() -> None:
    assert parse_system("linux") is OsType.LINUX
    with pytest.raises(InvalidRequestError, match="Connect a Windows server to Azure Arc"):
        parse_system("windows")
    with pytest.raises(InvalidRequestError, match="This must be Linux"):
        parse_system("FreeBSD")


@pytest.mark.parametrize(
    ("parse", "right", "wrong"),
    [
        pytest.param(
            parse_setting_name,
            ["SSH_KEY", "WEB_PRIVATE_KEY", "_k1", "a" * 128],
            ["", "1KEY", "SSH-KEY", "A B", "A=B", "a" * 129, "KEY\n"],
            id="an app setting",
        ),
        pytest.param(
            parse_secret_name,
            ["ssh-key", "web-private-key", "1", "a" * 127],
            ["", "ssh_key", "a/b", "a b", "a" * 128, "https://v.vault.azure.net/secrets/a"],
            id="a Key Vault secret",
        ),
        pytest.param(parse_location, ["berlin", "West Europe"], ["", " "], id="a location"),
    ],
)
def test_names(parse: Parse, right: list[str], wrong: list[str]) -> None:
    assert [parse(name) for name in right] == right
    for name in wrong:
        with pytest.raises(InvalidRequestError):
            parse(name)


def test_tags_can_be_read_in_one_way_only() -> None:
    assert check_tags({"env": "prod", "team": ""}) == {"env": "prod", "team": ""}
    for wrong in ({"env": "a", "ENV": "b"}, {" ": "a"}, {f"t{at}": "" for at in range(51)}):
        with pytest.raises(InvalidRequestError):
            check_tags(wrong)


@pytest.mark.parametrize(
    "parse",
    [parse_host, parse_user, parse_system, parse_setting_name, parse_secret_name],
    ids=["host", "user", "osType", "keySetting", "keyVaultSecret"],
)
def test_refusal_does_not_repeat_what_was_sent(parse: Parse) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        parse("Tr0ub4dor &3")
    assert "Tr0ub4dor" not in refused.value.message
