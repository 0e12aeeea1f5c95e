"""Host keys out of known_hosts: which one is pinned, and when none can be."""

from pathlib import Path

import asyncssh
import pytest

from localhost.errors import LocalhostError
from localhost.import_servers.host_keys import HostKeys, UnusableKeysError
from localhost.import_servers.hosts import FoundHost
from tests.builders import HOST_KEY

BARE = " ".join(HOST_KEY.split()[:2])
# What `ssh-keygen -H` of OpenSSH 9.2p1 makes of db-1.example.com and of [web-2.example.com]:2222.
HASHED = "|1|qTegn7/+Pkan+LWUIdJZoYtLM+Y=|hWLNDO10hznq95IJel/4S//f0hQ="
HASHED_WITH_PORT = "|1|a7p/S1CWAhMoiRi+n//joGBkUYY=|HKT3uT9FWvUyno/ggttEdb1TEwo="


def a_key(kind: str) -> str:
    return asyncssh.generate_private_key(kind).export_public_key("openssh").decode().strip()


ED25519, ECDSA, RSA = (a_key(kind) for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"))
UNPINNED = a_key("ssh-ed448")


def keys_of(found: FoundHost, *lines: str, folder: Path) -> tuple[str, ...]:
    path = folder / "known_hosts"
    path.write_text("\n".join(lines), encoding="utf-8")
    return HostKeys.read([path]).of(found)


DB = FoundHost(name="db-1", host="db-1.example.com")
ON_A_PORT = FoundHost(name="web-2", host="web-2.example.com", port=2222)


@pytest.mark.parametrize(
    ("found", "name"),
    [
        pytest.param(DB, "db-1.example.com", id="its name"),
        pytest.param(DB, "10.0.0.5,db-1.example.com", id="among other names"),
        pytest.param(DB, "*.example.com", id="a pattern"),
        pytest.param(DB, HASHED, id="hashed"),
        pytest.param(ON_A_PORT, "[web-2.example.com]:2222", id="a port"),
        pytest.param(ON_A_PORT, HASHED_WITH_PORT, id="a port, hashed"),
        pytest.param(
            FoundHost(name="x", host="DB-1.example.com"), "db-1.example.com", id="in capitals"
        ),
        pytest.param(FoundHost(name="x", host="10.0.0.5"), "10.0.0.5", id="an address"),
        pytest.param(
            FoundHost(name="x", host="10.0.0.5", port=2222, known_as="db"), "db", id="an alias"
        ),
    ],
)
def test_key_is_found_under(found: FoundHost, name: str, tmp_path: Path) -> None:
    other = f"other.example.com {ED25519}"
    assert keys_of(found, other, f"{name} {HOST_KEY}", folder=tmp_path) == (BARE,)


@pytest.mark.parametrize(
    ("found", "line"),
    [
        pytest.param(DB, f"db-2.example.com {HOST_KEY}", id="another host"),
        pytest.param(DB, f"[db-1.example.com]:2222 {HOST_KEY}", id="another port"),
        pytest.param(ON_A_PORT, f"web-2.example.com {HOST_KEY}", id="the usual port"),
        pytest.param(DB, f"*.example.com,!db-1.example.com {HOST_KEY}", id="an exception"),
        pytest.param(DB, f"@cert-authority *.example.com {HOST_KEY}", id="an authority"),
        pytest.param(DB, f"db-1.example.com {UNPINNED}", id="a type that is not pinned"),
        pytest.param(DB, "db-1.example.com ssh-ed25519 no-key", id="a key that is none"),
    ],
)
def test_what_is_not_a_key_of_it_is_not_taken(found: FoundHost, line: str, tmp_path: Path) -> None:
    assert keys_of(found, line, folder=tmp_path) == ()


def test_ed25519_goes_before_ecdsa_and_ecdsa_before_rsa(tmp_path: Path) -> None:
    lines = [f"db-1.example.com {key}" for key in (RSA, ECDSA, HOST_KEY)]
    found = keys_of(DB, *lines, folder=tmp_path)
    assert [key.split()[0] for key in found] == ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"]


def test_the_same_key_twice_is_one(tmp_path: Path) -> None:
    lines = (f"db-1.example.com {HOST_KEY}", f"{HASHED} {BARE}")
    assert keys_of(DB, *lines, folder=tmp_path) == (BARE,)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        pytest.param(
            (f"db-1.example.com {HOST_KEY}", f"{HASHED} {ED25519}"),
            "2 keys of the type ssh-ed25519",
            id="two of the best type",
        ),
        pytest.param(
            (f"db-1.example.com {HOST_KEY}", f"@revoked * {HOST_KEY}"), "revoked", id="revoked"
        ),
    ],
)
def test_keys_that_cannot_be_told_apart_or_are_revoked_are_refused(
    lines: tuple[str, ...], why: str, tmp_path: Path
) -> None:
    with pytest.raises(UnusableKeysError, match=why):
        keys_of(DB, *lines, folder=tmp_path)


def test_revoked_key_gives_way_to_another(tmp_path: Path) -> None:
    lines = (f"* {HOST_KEY}", f"@revoked * {HOST_KEY}", f"db-1.example.com {ECDSA}")
    (key,) = keys_of(DB, *lines, folder=tmp_path)
    assert ECDSA.startswith(key)


def test_own_file_may_be_missing_and_a_named_one_may_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert HostKeys.read([]).of(DB) == ()
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "known_hosts").write_text(f"db-1.example.com {HOST_KEY}\n", "utf-8")
    assert HostKeys.read([]).of(DB) == (BARE,)
    with pytest.raises(FileNotFoundError):
        HostKeys.read([tmp_path / "nowhere"])


def test_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text("alone\n", encoding="utf-8")
    with pytest.raises(LocalhostError, match="known_hosts is not a known_hosts file"):
        HostKeys.read([path])
