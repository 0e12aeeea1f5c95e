"""The one tree of errors: whose fault it is decides the class, and the class decides the answer.

    MusterError
    ├── InvalidRequestError        the caller's input is wrong; also a ValueError; names its target
    │   ├── TooLargeError          a body over the stated size
    │   └── LimitExceededError     a stated limit; names it
    ├── UnauthenticatedError       nobody we know
    ├── ForbiddenError             known, but not allowed to
    ├── NotFoundError              what was asked for does not exist
    ├── ConflictError              it exists, but its state forbids the request
    ├── PreconditionFailedError    a stale ETag
    ├── NotServedError             Azure has such an operation; this product does not
    ├── IllegalTransitionError     a state change that the tables of `domain.run` do not know
    └── UnavailableError           a service that we need did not answer as it should; retry is right

Only `entrypoints.arm.errors` knows which HTTP status each one is.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One mistake in a request: `target` is a JSON path such as `properties.filter.locations`."""

    code: str
    message: str
    target: str | None = None


class MusterError(Exception):
    """Base of all; `code` is stable and goes on the wire, `target` is a JSON path or None."""

    code = "InternalError"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        target: str | None = None,
        details: Sequence[Detail] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.target = target
        self.details = tuple(details)


class InvalidRequestError(MusterError, ValueError):
    """The caller's input is wrong; it is never retried and nothing of it is stored."""

    code = "InvalidParameter"


class TooLargeError(InvalidRequestError):
    """A body over the stated size."""

    code = "RequestBodyTooLarge"


class LimitExceededError(InvalidRequestError):
    """A limit that the message names."""

    code = "LimitExceeded"


class UnauthenticatedError(MusterError):
    """The caller is nobody we know."""

    code = "AuthenticationFailed"


class ForbiddenError(MusterError):
    """The caller is known and lacks the role."""

    code = "AuthorizationFailed"


class NotFoundError(MusterError):
    """What was asked for does not exist."""

    code = "ResourceNotFound"


class ConflictError(MusterError):
    """It exists, but its state forbids the request."""

    code = "Conflict"


class PreconditionFailedError(MusterError):
    """The caller's ETag is stale."""

    code = "PreconditionFailed"


class NotServedError(MusterError):
    """An operation of Azure's that makes no sense here; the message says why."""

    code = "NotImplemented"


class IllegalTransitionError(MusterError):
    """A state change that the tables of `domain.run` do not know."""

    code = "IllegalTransition"


class UnavailableError(MusterError):
    """A service that we need did not answer as it should; trying again later is right."""

    code = "ServiceUnavailable"
