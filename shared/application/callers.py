"""Who asks: a value that every use case receives, and the role that each operation wants."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from shared.errors import ForbiddenError


class Role(IntEnum):
    """What a caller may do; each role may do all that those before it may."""

    READER = 1
    OPERATOR = 2
    ADMINISTRATOR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """`name` is what records show, `kind` is `User`, `Application` or `Muster` itself."""

    name: str
    role: Role
    kind: str = "User"


LOCAL = Caller(name="local", role=Role.ADMINISTRATOR)
TIMER = Caller(name="timer", role=Role.OPERATOR, kind="Muster")
MESSAGE = Caller(name="message", role=Role.OPERATOR, kind="Muster")


class Authentication(Protocol):
    """How it is found out who sent a request over HTTP."""

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        """Who sent *headers*, their names in lower case.

        Raises `UnauthenticatedError` for nobody we know, `ForbiddenError` for somebody who may do nothing here.
        """


def require(caller: Caller, role: Role) -> None:
    """Raise `ForbiddenError` unless the caller has at least *role*."""
    if caller.role < role:
        raise ForbiddenError(
            f"'{caller.name}' has the role {caller.role.name.title()}; this needs {role.name.title()}."
        )
