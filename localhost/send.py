"""Put a message by hand into a queue of the host on this machine: base64, as the Functions host expects it."""

import base64
from pathlib import Path

from azure.storage.queue import QueueClient

from localhost.serve.state_folder import StateFolder


def send(queue: str, text: str, *, state: Path) -> None:
    """Send *text* as it is, right or wrong, to *queue*; LocalhostError when nothing runs on the folder *state*."""
    connection = StateFolder(state).connection()
    with QueueClient.from_connection_string(connection, queue, retry_total=0) as client:
        client.send_message(base64.b64encode(text.encode()).decode())
