"""A certificate of its own for a host on one machine, so that clients which insist on TLS can be pointed at it.

1. It is self-signed, for 127.0.0.1, ::1 and localhost only, and no authority: whoever trusts it trusts nothing else.
2. Key and certificate are for their owner's eyes only, and are kept: clients go on trusting them from start to start.
3. What has expired, does so within a day or can't be used any more is made anew.
"""

import ssl
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LASTS = timedelta(days=365)
_RENEWED_BEFORE = timedelta(days=1)
_NAMES = [
    x509.IPAddress(ip_address("127.0.0.1")),
    x509.IPAddress(ip_address("::1")),
    x509.DNSName("localhost"),
]


class Certificate:
    """The files `certificate.pem`, which clients are told to trust, and `key.pem` in *folder*."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "certificate.pem"
        self._key = folder / "key.pem"

    def context(self, now: datetime) -> ssl.SSLContext:
        """What a server needs to speak TLS, with files made first where they are missing or no good at *now*."""
        if not self._lasts_beyond(now):
            self._make(now)
        return self._load()

    def _lasts_beyond(self, now: datetime) -> bool:
        try:
            self._load()
            found = x509.load_pem_x509_certificate(self.path.read_bytes())
        except (OSError, ValueError):  # an SSLError is an OSError
            return False
        return found.not_valid_before_utc <= now < found.not_valid_after_utc - _RENEWED_BEFORE

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self._key)
        return context

    def _make(self, now: datetime) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Cut off between the two, they don't fit each other, and the next start makes both anew.
        _write(
            self._key,
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
        _write(self.path, _signed(key, now).public_bytes(serialization.Encoding.PEM))


def _signed(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Muster development host")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _LASTS)
        .add_extension(x509.SubjectAlternativeName(_NAMES), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
            critical=False,
        )
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
            critical=False,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )


def _write(file: Path, content: bytes) -> None:
    """Replace *file*; nobody but its owner can read it, not for an instant."""
    unfinished = file.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600, exist_ok=False)
    unfinished.write_bytes(content)
    unfinished.replace(file)
