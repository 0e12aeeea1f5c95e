"""Keeping secrets out of documents: what looks like one is refused wherever it stands, and never repeated.

A member whose name says that it holds a secret is refused whatever it holds. Of other texts only what is one: the name
of an app setting or of a Key Vault secret may well speak of a private key.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.application.bodies import refusal_of
from shared.errors import Detail, InvalidRequestError

_NAME = re.compile(r"pass[ _-]?(word|phrase)|private[ _-]?key", re.IGNORECASE)
# PEM, PuTTY, OpenSSH's own format without its first line ("openssh-key-v1" in base64), and a password in words.
_TEXT = re.compile(
    r"BEGIN [A-Z0-9 ]*PRIVATE KEY|PuTTY-User-Key-File|b3BlbnNzaC1rZXktdjE|pass(word|phrase)\s*[:=]",
    re.IGNORECASE,
)
_LONGEST_PATH = 300
_REFUSAL = (
    "This looks like a secret, which Muster neither stores nor shows. Keep the private key in an app "
    "setting or a Key Vault secret, and send that one's name."
)


def refuse_secrets(document: Mapping[str, Any]) -> None:
    """Raise `InvalidRequestError`, with one detail for each place, if anything looks like a secret."""
    mistakes = [
        Detail(code=InvalidRequestError.code, message=_REFUSAL, target=path[:_LONGEST_PATH] or "$")
        for path in _places(document, "")
    ]
    if mistakes:
        raise refusal_of(mistakes)


def _places(node: object, path: str) -> Iterator[str]:
    """The JSON paths of what looks like a secret; a member whose name does is told of by the object around it."""
    if isinstance(node, str):
        if _TEXT.search(node):
            yield path
    elif isinstance(node, Mapping):
        for name, member in node.items():
            if _NAME.search(name) or _TEXT.search(name):
                yield path
            else:
                yield from _places(member, f"{path}.{name}".removeprefix("."))
    elif isinstance(node, Sequence):
        for at, member in enumerate(node):
            yield from _places(member, f"{path}[{at}]")
