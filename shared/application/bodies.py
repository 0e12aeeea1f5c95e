"""How a JSON body is read: strictly, and with all of its mistakes at once.

Null means absent, no type is coerced, and the domain's parsers read the values. Every mistake becomes one `Detail` with
its JSON path, all of them (the first hundred) in one `InvalidRequestError`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from shared.errors import Detail, InvalidRequestError

# Many clients show the message alone, so that it names the first mistakes itself.
_SHOWN = 5
# A body of mistakes must not cause an answer of megabytes.
_KEPT = 100
_LONGEST_PATH = 300
_PLAIN_WORDS = {
    "missing": "This is required.",
    "extra_forbidden": "There is no such member here.",
    "model_type": "This must be an object.",
    "dict_type": "This must be an object.",
    "list_type": "This must be a list.",
    "string_type": "This must be a string.",
    "bool_type": "This must be true or false.",
}

T = TypeVar("T")
BodyT = TypeVar("BodyT", bound="Body")


class Body(BaseModel):
    """An object whose null members are absent, and whose unknown ones are left alone."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        alias_generator=to_camel,
        extra="ignore",
        use_attribute_docstrings=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_means_absent(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        return {name: member for name, member in value.items() if member is not None}


class ExactBody(Body):
    """An object that knows all its members; an unknown one may be there if it is null."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"additionalProperties": {"type": "null"}}
    )


def text(parse: Callable[[str], T]) -> PlainValidator:
    """A string that *parse* reads; nothing else is taken for one."""

    def read(value: object) -> T:
        if not isinstance(value, str):
            raise InvalidRequestError(_PLAIN_WORDS["string_type"])
        return parse(value)

    return PlainValidator(read, json_schema_input_type=str)


def texts(parse: Callable[..., T], **more: object) -> PlainValidator:
    """A list of strings that *parse* reads, *more* being its further arguments."""
    return PlainValidator(partial(parse, **more), json_schema_input_type=list[str])


def read_body(body: type[BodyT], document: Mapping[str, Any], *, context: object = None) -> BodyT:
    """Read *document*; its validators find *context*, which is what it is sent to.

    Raises `InvalidRequestError` with one detail for each mistake.
    """
    try:
        return body.model_validate(document, context=context)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise refusal_of([detail for one in found for detail in _details(one)]) from error


def refusal_of(mistakes: Sequence[Detail]) -> InvalidRequestError:
    """One error for all *mistakes*, of which there is at least one."""
    shown = [f"{one.target}: {one.message}" for one in mistakes[:_SHOWN]]
    more = [f"And {len(mistakes) - _SHOWN} more."] if len(mistakes) > _SHOWN else []
    return InvalidRequestError(
        " ".join(shown + more),
        code=mistakes[0].code if len(mistakes) == 1 else None,
        target=mistakes[0].target,
        details=mistakes[:_KEPT],
    )


def _details(found: ErrorDetails) -> list[Detail]:
    steps = found["loc"]
    cause = found.get("ctx", {}).get("error")
    if isinstance(cause, InvalidRequestError):
        own = Detail(code=cause.code, message=cause.message, target=cause.target)
        mistakes = cause.details or (own,)
        return [replace(one, target=_target(steps, one.target)) for one in mistakes]
    message = _PLAIN_WORDS.get(found["type"], found["msg"])
    return [Detail(code=InvalidRequestError.code, message=message, target=_path(steps))]


def _target(steps: tuple[int | str, ...], inner: str | None) -> str:
    """Where a parser's mistake lies: its own *inner* target begins at the field's name, or inside of the object."""
    if not inner:
        return _path(steps)
    begins_at_field = steps[-1:] == (inner.replace("[", ".").split(".")[0],)
    return _path((*(steps[:-1] if begins_at_field else steps), inner))


def _path(steps: tuple[int | str, ...]) -> str:
    """A JSON path, such as `a.b[0].c`; the body itself is `$`."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return path.removeprefix(".")[:_LONGEST_PATH] or "$"
