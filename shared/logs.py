"""Log events: a name in the past tense and its keys, all in the message.

The Functions worker forwards only the formatted message and drops `extra=`, so the keys stand in the text. Secrets,
tokens and bodies of messages are never logged.
"""

import logging


def event(logger: logging.Logger, name: str, *, level: int = logging.INFO, **keys: object) -> None:
    """Log `name key=value ...`; values with spaces are quoted."""
    if not logger.isEnabledFor(level):
        return
    logger.log(level, "%s", " ".join([name, *(f"{key}={_text(keys[key])}" for key in keys)]))


def _text(value: object) -> str:
    text = str(value)
    return repr(text) if not text or any(char.isspace() for char in text) else text


def configure() -> None:
    """Quieten the libraries; once, at start."""
    for library in ("azure", "asyncssh"):
        logging.getLogger(library).setLevel(logging.WARNING)
