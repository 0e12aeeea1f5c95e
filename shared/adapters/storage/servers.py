"""Servers on premises as rows."""

from shared.adapters.storage.resources import Resources
from shared.adapters.storage.rows import Rows
from shared.application.ports import StoredServer

SERVERS = "Servers"


class Servers(Resources[StoredServer]):
    """The port `ServerStore`."""

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows, SERVERS, StoredServer)
