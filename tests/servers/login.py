"""How one logs in to a throw-away server: what its sshd is told, and keys."""

from functools import cache

import asyncssh

SSHD_CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey /etc/ssh/host_key
PidFile /run/sshd.pid
AuthorizedKeysFile .ssh/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
StrictModes no
MaxStartups 1000
MaxSessions 1000
LogLevel VERBOSE
Subsystem sftp internal-sftp
"""


def new_key() -> tuple[str, str]:
    """A private key in OpenSSH's form, and its public one as type and base64."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    public = " ".join(key.export_public_key().decode().split()[:2])
    return key.export_private_key().decode(), public


@cache
def client_key() -> tuple[str, str]:
    """The user's key, one for all servers of a run."""
    return new_key()
