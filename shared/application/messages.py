"""The messages of the two queues: what people may put in by hand, and what Muster sends itself.

Queue `runs`: `{"v": 1, "configuration": "<id>", "requestId": "<choice of the caller>"}` starts a run on demand;
`{"v": 1, "run": "<id>"}` asks for a pass over a run. Queue `jobs`: `{"v": 1, "run": "<id>", "machine": "<id>"}` asks
to start a job. Messages carry keys and a version, never state; any of them may come twice, late, or out of order.
"""

from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
)

from shared.domain.ids import ResourceId
from shared.domain.records import RunId
from shared.errors import InvalidRequestError

RUNS = "runs"
JOBS = "jobs"

T = TypeVar("T")
_Text = Annotated[str, Field(min_length=1, max_length=1000)]


def _an_id(text: str) -> str:
    ResourceId.parse(text)
    return text


def _a_run(text: str) -> str:
    ResourceId.parse(RunId.parse(text).configuration_id)
    return text


_Id = Annotated[_Text, AfterValidator(_an_id)]
_Run = Annotated[_Text, AfterValidator(_a_run)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    v: Annotated[int, Field(ge=1, le=1)]  # a `Literal[1]` takes true for 1


class RunRequest(_Message):
    """Start a run of a configuration now; the same `requestId` again starts nothing."""

    configuration: _Id
    requestId: _Text  # noqa: N815 - the wire's spelling


class PassRequest(_Message):
    """Go on with a run."""

    run: _Run


class StartRequest(_Message):
    """Start the job of a machine in a run."""

    run: _Run
    machine: _Id


def _kind(message: object) -> str:
    asks_to_start = isinstance(message, dict) and {"configuration", "requestId"} & message.keys()
    return "start" if asks_to_start else "pass"


_runs: TypeAdapter[RunRequest | PassRequest] = TypeAdapter(
    Annotated[
        Annotated[RunRequest, Tag("start")] | Annotated[PassRequest, Tag("pass")],
        Discriminator(_kind),
    ]
)
_jobs: TypeAdapter[StartRequest] = TypeAdapter(StartRequest)


def decode_run_message(body: str) -> RunRequest | PassRequest:
    """Read a message of the queue `runs`; raises `InvalidRequestError`."""
    return _decode(_runs, body)


def decode_job_message(body: str) -> StartRequest:
    """Read a message of the queue `jobs`; raises `InvalidRequestError`."""
    return _decode(_jobs, body)


def _decode(adapter: TypeAdapter[T], body: str) -> T:
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        found = "; ".join(
            f"{'.'.join(str(part) for part in one['loc']) or 'message'}: {one['msg']}"
            for one in error.errors(include_input=False, include_url=False)
        )
        raise InvalidRequestError(f"The message is malformed: {found}"[:1000]) from error


def encode(message: RunRequest | PassRequest | StartRequest) -> str:
    """The JSON text of a message."""
    return message.model_dump_json()
