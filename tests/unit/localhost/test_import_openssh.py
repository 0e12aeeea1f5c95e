"""Reading a configuration of OpenSSH's client: which names are servers, and what is said of each."""

import shutil
import subprocess
from pathlib import Path

import pytest

from localhost.errors import LocalhostError
from localhost.import_servers.hosts import FoundHost, LeftOut
from localhost.import_servers.openssh import read_configuration

CONFIGURATION = """
Host web-1 web-alias
    HostName %h.example.com
    Port 2222
Host "db 1" db-1
    User postgres
Host !other *.example.com ?
    User nobody
Match originalhost lone
    HostName 10.0.0.9
    IdentityFile ~/.ssh/%k a-word-too-many
Host lone
    HostKeyAlias lone-key
Match final host 10.0.0.9
    Port 2200
    User too-late
Include {folder}/more/*.conf
Host *
    User deploy
    SetEnv TOKEN=hunter2
"""
MORE = """
Host more.example.com
"""


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "one.conf").write_text(MORE, encoding="utf-8")
    path = tmp_path / "config"
    path.write_text(CONFIGURATION.format(folder=tmp_path), encoding="utf-8")
    return path


def read(path: Path, text: str) -> list[FoundHost | LeftOut]:
    path.write_text(text, encoding="utf-8")
    return read_configuration(path)


def test_names_are_servers_and_patterns_speak_of_them(configuration: Path) -> None:
    assert read_configuration(configuration) == [
        FoundHost(name="web-1", host="web-1.example.com", port=2222, user="deploy"),
        FoundHost(name="web-alias", host="web-alias.example.com", port=2222, user="deploy"),
        FoundHost(name="db 1", host="db 1", user="postgres"),
        FoundHost(name="db-1", host="db-1", user="postgres"),
        FoundHost(name="lone", host="10.0.0.9", port=2200, user="deploy", known_as="lone-key"),
        FoundHost(name="more.example.com", host="more.example.com", user="nobody"),
    ]


@pytest.mark.skipif(shutil.which("ssh") is None, reason="asks OpenSSH's own client")
def test_openssh_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "config"
    text = CONFIGURATION.replace("a-word-too-many", "").replace("%k", "key")
    found = read(path, text.format(folder=tmp_path))
    names = [one for one in found if isinstance(one, FoundHost) and " " not in one.name]
    assert len(names) == 4
    for one in names:
        told = subprocess.run(
            ["ssh", "-G", "-F", str(path), one.name], capture_output=True, text=True, check=True
        )
        said = dict(line.split(" ", 1) for line in told.stdout.splitlines() if " " in line)
        assert (said["hostname"], said["port"], said["user"]) == (
            one.host,
            str(one.port),
            one.user,
        )


def test_include_beneath_a_host_is_seen(tmp_path: Path) -> None:
    (tmp_path / "inner").write_text("Host a.corp\n", encoding="utf-8")
    found = read(tmp_path / "config", f"Host *.corp\n  User x\n  Include {tmp_path}/inner\n")
    assert found == [FoundHost(name="a.corp", host="a.corp", user="x")]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        pytest.param("ProxyJump bastion", "through another host", id="a jump"),
        pytest.param("ProxyCommand nc %k %p", "through another host", id="a proxy"),
        pytest.param("CanonicalizeHostname yes", "give it a HostName", id="a name to complete"),
    ],
)
def test_host_that_muster_cannot_reach_so_is_left_out(lines: str, why: str, tmp_path: Path) -> None:
    (found,) = read(tmp_path / "config", f"Host web-1\n  {lines}\n")
    assert isinstance(found, LeftOut)
    assert why in found.why


def test_jump_that_is_taken_back_is_none(tmp_path: Path) -> None:
    text = "Host web-1\n  ProxyJump none\nHost *\n  ProxyJump bastion\n"
    assert read(tmp_path / "config", text) == [FoundHost(name="web-1", host="web-1")]


def test_no_command_is_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    for condition in ("exec", "!exec", "host a exec"):
        with pytest.raises(LocalhostError, match="line 1: Match exec runs a command"):
            read(tmp_path / "config", f'Match {condition} "touch {trace}"\nHost a\n')
    assert not trace.exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("Host a\nPort many\n", "line 2: Invalid Port integer", id="no port"),
        pytest.param("Include {path}\nHost a\n", "is not a configuration", id="includes itself"),
        pytest.param("Host a \udcff\n", "is not a configuration", id="not text"),
    ],
)
def test_what_is_no_configuration_is_refused_in_one_sentence(
    text: str, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "config"
    path.write_bytes(text.format(path=path).encode(errors="surrogateescape"))
    with pytest.raises(LocalhostError, match=sentence):
        read_configuration(path)
