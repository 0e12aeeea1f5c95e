"""Which version of a resource a caller means: `If-Match` and `If-None-Match`, and what a write came to.

An ETag is compared as the opaque text between its quotes, weak or not: storage gives out weak ones and compares them
so.
"""

from dataclasses import dataclass
from typing import Generic, Self, TypeVar

from shared.errors import PreconditionFailedError

ANY = frozenset({"*"})

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preconditions:
    """The opaque ETags that a request allows (`if_match`) and forbids; None where it says nothing, `ANY` for any."""

    if_match: frozenset[str] | None = None
    if_none_match: frozenset[str] | None = None

    @classmethod
    def only(cls, etag: str) -> Self:
        """This version and no other."""
        return cls(if_match=frozenset({opaque(etag)}))

    def check(self, etag: str | None) -> None:
        """Raise `PreconditionFailedError` unless a resource with this ETag, or none at all, is what was meant."""
        if self.if_match is not None and not _names(self.if_match, etag):
            raise PreconditionFailedError(
                "It is not as If-Match says: it was changed or is gone. Read it again."
            )
        if etag is not None and self.forbid(etag):
            raise PreconditionFailedError("It is there already, which If-None-Match forbids.")

    def forbid(self, etag: str) -> bool:
        """Whether If-None-Match names this version: the caller has it already."""
        return self.if_none_match is not None and _names(self.if_none_match, etag)


UNCONDITIONAL = Preconditions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written(Generic[T]):
    """What a PUT stored, and whether that is new; `warning` is a sentence for the caller, or empty."""

    stored: T
    is_new: bool
    warning: str = ""


def opaque(etag: str) -> str:
    """What is compared of an ETag."""
    return etag.strip().removeprefix("W/").strip('"')


def _names(etags: frozenset[str], etag: str | None) -> bool:
    return etag is not None and (etags == ANY or opaque(etag) in etags)
