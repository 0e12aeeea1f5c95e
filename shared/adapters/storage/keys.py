"""Keys that are readable, keep prefixes, and hold nothing that Table Storage refuses.

An id becomes lower-case, `/` becomes `|`, and whatever is not a letter, a digit or one of `-_.()` becomes `=` and its
bytes in hexadecimal. So a subscription's rows are those whose partition begins with its key
(learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model).
"""

import hashlib
import re

from shared.errors import InvalidRequestError

LONGEST = 500
_ENCODED = re.compile(r"[^a-z0-9\-_.()/]")


def id_to_key(resource_id: str, *, longest: int = LONGEST) -> str:
    """The key of an ARM id; `InvalidRequestError` when it would have more than *longest* characters."""
    text = resource_id.rstrip("/").lower()
    key = _ENCODED.sub(_encode, text).replace("/", "|")
    if len(key) > longest:
        raise InvalidRequestError(
            f"An id may have {longest} characters, those but letters, digits and -_.() counting threefold or more; "
            f"this has {len(key)}: '{resource_id[:100]}...'."
        )
    return key


def _encode(match: re.Match[str]) -> str:
    return "".join(f"={byte:02x}" for byte in match.group().encode())


def hashed(*parts: str) -> str:
    """A short key for what may be too long or holds anything, such as a request id."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
