"""How large a document may be that is kept: a row of Table Storage has to hold it.

What was sent says little about it: a number may be written longer than it came, and a PATCH adds to what is there.
"""

import json
from collections.abc import Mapping
from typing import Any

from shared.application.ports import Services
from shared.errors import TooLargeError


def check_size(services: Services, document: Mapping[str, Any]) -> None:
    """Raise `TooLargeError` for a document whose JSON has more bytes than a body may have."""
    limit = services.limits.body_bytes
    size = len(
        json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    )
    if size > limit:
        raise TooLargeError(
            f"At most {limit} bytes of JSON are kept of a resource; these would be {size}."
        )
