"""The development host's own certificate: kept, private, renewed, and good enough for strict clients."""

import socket
import ssl
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest

from localhost.serve.certificate import Certificate

NOW = datetime.now(UTC)
YEAR = timedelta(days=365)


@contextmanager
def _server(context: ssl.SSLContext) -> Iterator[int]:
    """A server that shakes one client's hand, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            connection, _ = listening.accept()
            with connection:
                try:
                    context.wrap_socket(connection, server_side=True).close()
                except OSError:
                    return  # the client did not like what it saw

        thread = Thread(target=greet)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            thread.join(60)


def _shake_hands(certificate: Certificate, *, name: str, trusted: Certificate) -> None:
    client = ssl.create_default_context(cafile=str(trusted.path))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    with (
        _server(certificate.context(NOW)) as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
    ):
        client.wrap_socket(connection, server_hostname=name).close()


@pytest.mark.parametrize("name", ["127.0.0.1", "::1", "localhost"])
def test_strict_client_trusts_it_by_every_name_of_this_machine(tmp_path: Path, name: str) -> None:
    certificate = Certificate(tmp_path)
    certificate.context(NOW)
    _shake_hands(certificate, name=name, trusted=certificate)


def test_it_is_nobody_elses(tmp_path: Path) -> None:
    ours, theirs = Certificate(tmp_path / "a"), Certificate(tmp_path / "b")
    ours.context(NOW)
    theirs.context(NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(ours, name="example.com", trusted=ours)
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(ours, name="localhost", trusted=theirs)


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    Certificate(tmp_path / "tls").context(NOW)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "tls").iterdir()}
    assert modes == {"certificate.pem": 0o600, "key.pem": 0o600}


def test_it_is_kept(tmp_path: Path) -> None:
    certificate = Certificate(tmp_path)
    certificate.context(NOW)
    before = certificate.path.read_bytes()
    certificate.context(NOW + YEAR - timedelta(days=2))
    assert certificate.path.read_bytes() == before


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(YEAR + timedelta(days=1), id="expired"),
        pytest.param(YEAR - timedelta(hours=1), id="about to expire"),
        pytest.param(-timedelta(days=1), id="not valid yet"),
    ],
)
def test_it_is_renewed_when_it_is_no_good(tmp_path: Path, later: timedelta) -> None:
    certificate = Certificate(tmp_path)
    certificate.context(NOW)
    before = certificate.path.read_bytes()
    certificate.context(NOW + later)
    assert certificate.path.read_bytes() != before


@pytest.mark.parametrize("name", ["certificate.pem", "key.pem"])
@pytest.mark.parametrize("damage", ["missing", "cut off", "of another pair"])
def test_damaged_files_are_made_anew(tmp_path: Path, name: str, damage: str) -> None:
    certificate = Certificate(tmp_path / "a")
    certificate.context(NOW)
    Certificate(tmp_path / "b").context(NOW)
    damaged = tmp_path / "a" / name
    match damage:
        case "missing":
            damaged.unlink()
        case "cut off":
            damaged.write_bytes(damaged.read_bytes()[:40])
        case _:
            (tmp_path / "b" / name).replace(damaged)
    certificate.context(NOW)
    _shake_hands(certificate, name="localhost", trusted=certificate)
