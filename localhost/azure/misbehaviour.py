"""Replies as an Azure under stress gives them: what `Faults` asks for, before, instead of or after the real one.

Each repetition of a request is another attempt, and may fare better.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

from localhost.azure.errors import ArmError
from localhost.azure.exchange import Asked, Reply, refusal
from localhost.azure.faults import Faults, Share
from localhost.azure.resource_graph import half
from localhost.azure.routes import machine_in, reply_to
from localhost.azure.simulation import Simulation

_RETRY_AFTER = {"Retry-After": "5"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """The n-th request of its kind: which faults strike it, and what they choose."""

    faults: Faults
    subject: str
    number: int

    def strikes(self, kind: Share) -> bool:
        return self.faults.strikes(kind, self.subject, attempt=self.number)

    def chooses(self, question: str) -> bool:
        """One of two, each as often as the other."""
        return self.faults.fraction(question, self.subject.lower(), self.number) < 0.5


def troubled_reply(azure: Simulation, asked: Asked) -> Reply:
    """The reply to *asked*, unless a fault strikes."""
    machine = machine_in(asked.path)
    attempt = _Attempt(
        faults=azure.faults,
        subject=machine or asked.path,
        number=azure.attempts.next(f"{asked.method} {asked.path}"),
    )

    def answer() -> Reply:
        return reply_to(azure, asked)

    if asked.method != "GET" and machine:
        return _of_a_write(attempt, answer)
    return _of_a_read(attempt, answer, asked)


def _of_a_write(attempt: _Attempt, answer: Callable[[], Reply]) -> Reply:
    if attempt.strikes("refuse_connection"):
        return Reply(cut="dropped")
    if attempt.strikes("throttle"):
        return _throttled(attempt)
    if attempt.strikes("server_error"):
        return _failed(attempt)
    if attempt.strikes("hang"):
        return _hung(attempt, answer)
    reply = answer()
    if reply.status < HTTPStatus.BAD_REQUEST and attempt.strikes("drop_after_accept"):
        return replace(reply, cut="dropped")
    return reply


def _of_a_read(attempt: _Attempt, answer: Callable[[], Reply], asked: Asked) -> Reply:
    if attempt.strikes("throttle_reads"):
        return _throttled(attempt)
    if attempt.strikes("fail_reads"):
        return _failed(attempt)
    if attempt.strikes("hang"):
        return _hung(attempt, answer)
    reply = answer()
    if attempt.strikes("lose_reads"):
        return replace(reply, cut="dropped")
    is_query = asked.method == "POST" and reply.status == HTTPStatus.OK
    if is_query and attempt.strikes("half_page"):
        return replace(reply, body=half(reply.body, asked.body))
    return reply


def _hung(attempt: _Attempt, answer: Callable[[], Reply]) -> Reply:
    reply = answer() if attempt.chooses("carried out") else Reply()
    return replace(reply, cut="hung")


def _throttled(attempt: _Attempt) -> Reply:
    return refusal(
        ArmError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "TooManyRequests",
            message="The request was throttled: try again later.",
            headers=_RETRY_AFTER if attempt.chooses("says when") else {},
        )
    )


def _failed(attempt: _Attempt) -> Reply:
    if attempt.chooses("which error"):
        status, code = HTTPStatus.INTERNAL_SERVER_ERROR, "InternalServerError"
    else:
        status, code = HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable"
    return refusal(ArmError(status, code, message="The service failed, and nothing was done."))
