"""Replies as an Azure under stress gives them: what `Faults` asks for, before or after the real one."""

from dataclasses import replace
from http import HTTPStatus

from localhost.azure.errors import ArmError
from localhost.azure.faults import Share, fraction
from localhost.azure.operations import Install
from localhost.azure.routes import Asked, Reply, machine_in, reply_to
from localhost.azure.simulation import Simulation

_RETRY_AFTER = {"Retry-After": "5"}


def troubled_reply(azure: Simulation, asked: Asked) -> Reply:
    """The reply to *asked*, unless a fault strikes; each repetition of a request is another attempt."""
    attempt = azure.attempts.next(f"{asked.method} {asked.path}")
    machine = machine_in(asked.path)
    subject = machine or asked.path

    def strikes(share: Share) -> bool:
        return azure.faults.strikes(share, subject, attempt=attempt)

    if asked.method != "GET" and machine:
        if strikes("refuse_connection"):
            return Reply(dropped=True)
        throttled, failed = strikes("throttle"), strikes("server_error")
    else:
        throttled, failed = strikes("throttle_reads"), strikes("fail_reads")
    if throttled:
        return _throttled()
    if failed:
        return _failed(subject, attempt)
    reply = reply_to(azure, asked)
    if isinstance(reply.started, Install) and strikes("drop_after_accept"):
        return replace(reply, dropped=True)
    return reply


def _throttled() -> Reply:
    error = ArmError(
        HTTPStatus.TOO_MANY_REQUESTS,
        "TooManyRequests",
        message="The request was throttled: try again later.",
        headers=_RETRY_AFTER,
    )
    return Reply(status=error.status, body=error.body(), headers=error.headers)


def _failed(subject: str, attempt: int) -> Reply:
    if fraction("which", subject.lower(), attempt) < 0.5:
        status, code = HTTPStatus.INTERNAL_SERVER_ERROR, "InternalServerError"
    else:
        status, code = HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable"
    error = ArmError(status, code, message="The service failed, and nothing was done.")
    return Reply(status=error.status, body=error.body())
