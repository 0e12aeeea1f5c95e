"""Reading one field of the wire: what every list of strings has in common."""

from collections.abc import Callable

from shared.errors import Detail, InvalidRequestError


def read_strings(
    value: object, *, target: str, fault: Callable[[str], str | None]
) -> tuple[str, ...]:
    """Read a list of strings none of which is blank; null is an empty list.

    *fault* says what is wrong with one of them, as the end of a sentence, or None. The error names the first that is
    wrong and has a detail for each.
    """
    texts = () if value is None else strings(value, target=target)
    faults = [fault(text) if text.strip() else "is blank" for text in texts]
    mistakes = [
        Detail(
            code=InvalidRequestError.code,
            message=f"'{text[:100]}' in {target} {wrong}.",
            target=f"{target}[{index}]",
        )
        for index, (text, wrong) in enumerate(zip(texts, faults, strict=True))
        if wrong
    ]
    if mistakes:
        first = mistakes[0]
        raise InvalidRequestError(first.message, target=first.target, details=mistakes)
    return texts


def strings(value: object, *, target: str) -> tuple[str, ...]:
    """Read a list of strings, blank ones too."""
    if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
        raise InvalidRequestError(f"{target} must be a list of strings.", target=target)
    return tuple(value)
