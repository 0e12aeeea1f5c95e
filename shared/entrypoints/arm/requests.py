"""What a request says, decoded: its body, its version, its conditions.

A body is one JSON object in UTF-8 that can be given back as it came: no duplicate names, no numbers that JSON lacks, no
half characters, no abyss.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.application.callers import Caller
from shared.application.preconditions import Preconditions, opaque
from shared.entrypoints.arm.ids import Address
from shared.errors import InvalidRequestError, TooLargeError

# Those that current clients send, and the stable ones; 2023-09-01-preview is in Microsoft's page on cancelling.
API_VERSIONS = (
    "2023-04-01",
    "2023-09-01-preview",
    "2023-10-01-preview",
    "2025-10-01-preview",
    "2025-11-01",
)
_DEEPEST = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRequest:
    """One request; `headers` and `query` have names in lower case."""

    method: str
    url: str
    address: Address
    query: Mapping[str, str]
    headers: Mapping[str, str]
    content: bytes
    caller: Caller

    @property
    def preconditions(self) -> Preconditions:
        """Which version of the resource is meant."""
        return Preconditions(
            if_match=_etags(self.headers.get("if-match")),
            if_none_match=_etags(self.headers.get("if-none-match")),
        )

    def document(self, limit: int) -> dict[str, Any]:
        """The body, of at most *limit* bytes; raises `TooLargeError` and `InvalidRequestError`."""
        if len(self.content) > limit:
            raise TooLargeError(f"A body has at most {limit} bytes; this one has more.")
        return decode_object(self.content)

    def check_arrived(self) -> None:
        """Raise `InvalidRequestError` for a body sent in chunks: the host hands on only bodies of a stated length."""
        if "transfer-encoding" in self.headers and not self.content:
            raise InvalidRequestError(
                "A body needs a Content-Length: one that is sent in chunks does not arrive.",
                code="LengthRequired",
                target="Content-Length",
            )

    @property
    def is_recent(self) -> bool:
        """Whether the api-version is one of 2025: those clients know `systemData` and follow `nextLink`."""
        return self.query.get("api-version", "") >= "2025"

    def check_api_version(self) -> None:
        """Raise `InvalidRequestError`, which lists those that are served, for any other."""
        version = self.query.get("api-version", "")
        if version.lower() in API_VERSIONS:
            return
        served = ", ".join(API_VERSIONS)
        if not version:
            raise InvalidRequestError(
                f"The query needs an api-version, one of: {served}.",
                code="MissingApiVersionParameter",
                target="api-version",
            )
        raise InvalidRequestError(
            f"The api-version '{version[:50]}' is not served; use one of: {served}.",
            code="InvalidApiVersionParameter",
            target="api-version",
        )


def decode_object(content: bytes) -> dict[str, Any]:
    """Read one JSON object; raises `InvalidRequestError` for anything else."""
    try:
        found = json.loads(
            content.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_no_number
        )
        _check_depth(found)
        # A number beyond all bounds and half a surrogate pair are read without complaint, but can't be written.
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except InvalidRequestError:
        raise
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise _malformed(f"The body is not JSON in UTF-8: {error}"[:300]) from error
    if not isinstance(found, dict):
        raise _malformed("The body must be a JSON object.")
    return found


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) == len(members):
        return found
    names = [name for name, _ in members]
    twice = next(name for name in names if names.count(name) > 1)
    raise _malformed(f"The body names the member '{twice[:100]!a}' twice in one object.")


def _no_number(text: str) -> float:
    raise _malformed(f"{text} is not a number in JSON.")


def _check_depth(found: object) -> None:
    level: list[object] = [found]
    for _ in range(_DEEPEST):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise _too_deep()


def _children(node: object) -> Iterable[object]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _too_deep() -> InvalidRequestError:
    return _malformed(f"The body nests deeper than {_DEEPEST} levels.")


def _malformed(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, code="InvalidRequestContent")


def _etags(header: str | None) -> frozenset[str] | None:
    if not header or not header.strip():
        return None
    return frozenset(opaque(etag) for etag in header.split(","))
