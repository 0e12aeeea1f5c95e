"""Facts of machines that Azure writes in more than one way."""

from shared.domain.machine import OsType


def read_os_type(text: object) -> OsType | None:
    """The system that Azure names, in any case; None for one that is not known."""
    try:
        return OsType(str(text))
    except ValueError:
        return None


def read_tags(tags: object) -> dict[str, str]:
    """A machine's tags; Azure writes none at all as null."""
    if not isinstance(tags, dict):
        return {}
    return {str(name): str(value) for name, value in tags.items()}
