"""The one place that knows HTTP statuses of errors, and the shape in which ARM's clients expect them.

`{"error": {"code", "message", "target", "details": [{"code", "message", "target"}]}}`, without what is not known.
"""

import logging
from collections.abc import Iterable
from typing import Any

from shared.entrypoints.arm.replies import Reply
from shared.errors import (
    ConflictError,
    ForbiddenError,
    IllegalTransitionError,
    InvalidRequestError,
    MusterError,
    NotFoundError,
    NotServedError,
    PreconditionFailedError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
)

_log = logging.getLogger(__name__)

STATUSES: dict[type[MusterError], int] = {
    TooLargeError: 413,
    InvalidRequestError: 400,
    UnauthenticatedError: 401,
    ForbiddenError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    IllegalTransitionError: 409,
    PreconditionFailedError: 412,
    NotServedError: 501,
    UnavailableError: 503,
    MusterError: 500,
}


def error_reply(error: Exception, *, request_id: str) -> Reply:
    """The answer to a request that failed; what nobody expected is logged, and told to nobody else."""
    if isinstance(error, MusterError):
        return Reply(status=_status(error), body=_shape(error), headers=_challenge(error))
    _log.error("request.failed request=%s", request_id, exc_info=error)
    return Reply(
        status=500,
        body=_shape(MusterError(f"Something went wrong that was not foreseen: see {request_id}.")),
    )


def method_not_allowed(method: str, *, allowed: Iterable[str]) -> Reply:
    """405 for a path that knows other methods."""
    methods = ", ".join(allowed)
    error = MusterError(f"{method} is not served here, only {methods}.", code="MethodNotAllowed")
    return Reply(status=405, body=_shape(error), headers={"Allow": methods})


def _challenge(error: MusterError) -> dict[str, str]:
    """What a 401 has to say (RFC 6750, 3): which scheme is wanted, and whether what was sent was wrong."""
    if not isinstance(error, UnauthenticatedError):
        return {}
    was_sent = error.code != UnauthenticatedError.code
    return {"WWW-Authenticate": 'Bearer error="invalid_token"' if was_sent else "Bearer"}


def _status(error: MusterError) -> int:
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def _shape(error: MusterError) -> dict[str, Any]:
    details = [_known(one.code, one.message, one.target) for one in error.details]
    body = _known(error.code, error.message, error.target)
    return {"error": {**body, "details": details} if details else body}


def _known(code: str, message: str, target: str | None) -> dict[str, Any]:
    return {"code": code, "message": message} | ({"target": target} if target else {})
