"""Read `host.json` and the settings that decorators refer to, as the Functions host does.

Defaults are the host's own (Microsoft.Azure.WebJobs.Extensions.Storage 5.x, QueuesOptions) in its *Development*
environment, which polls an idle queue every two seconds. Members that are not named here are ignored.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

_TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.\d+)?")
_REFERENCE = re.compile(r"%([^%]+)%")


class HostSettingsError(ValueError):
    """`host.json` or a setting is missing or wrong: the real host would not start either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """`extensions.queues` of `host.json`.

    `lease`, how long a message that is being worked on stays invisible before it is renewed, is fixed in the real host.
    """

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    visibility_timeout: timedelta = timedelta(0)
    max_polling_interval: timedelta = timedelta(seconds=2)
    base64: bool = True
    lease: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """What `host.json` says; `route_prefix` without slashes around it."""

    route_prefix: str = "api"
    queues: QueueSettings = QueueSettings()


def read_host_settings(root: Path) -> HostSettings:
    """Read `host.json` in *root*; HostSettingsError when it is missing or no value makes sense."""
    path = root / "host.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HostSettingsError(f"{path} can't be read: {error}") from error
    if document.get("version") != "2.0":
        raise HostSettingsError(f'{path} must say "version": "2.0"')
    extensions = document.get("extensions", {})
    prefix = extensions.get("http", {}).get("routePrefix", "api")
    return HostSettings(
        route_prefix=prefix.strip("/"), queues=_queue_settings(extensions.get("queues", {}))
    )


def _queue_settings(queues: Mapping[str, Any]) -> QueueSettings:
    batch_size = _whole_number(queues, "batchSize", default=16, least=1, most=32)
    half = max(1, batch_size // 2) * (os.cpu_count() or 1)
    encoding = str(queues.get("messageEncoding", "base64")).lower()
    if encoding not in ("base64", "none"):
        raise HostSettingsError(f"messageEncoding is base64 or none, not {encoding}")
    return QueueSettings(
        batch_size=batch_size,
        new_batch_threshold=_whole_number(queues, "newBatchThreshold", default=half, least=0),
        max_dequeue_count=_whole_number(queues, "maxDequeueCount", default=5, least=1),
        visibility_timeout=_time_span(queues.get("visibilityTimeout", "00:00:00")),
        max_polling_interval=_time_span(queues.get("maxPollingInterval", "00:00:02")),
        base64=encoding == "base64",
    )


def _whole_number(
    queues: Mapping[str, Any], name: str, *, default: int, least: int, most: int = 2**31 - 1
) -> int:
    value = queues.get(name, default)
    if type(value) is not int or not least <= value <= most:
        raise HostSettingsError(f"{name} is a whole number from {least} to {most}, not {value!r}")
    return value


def _time_span(text: object) -> timedelta:
    match = _TIME_SPAN.fullmatch(str(text))
    if match is None:
        raise HostSettingsError(f"a time span is written hh:mm:ss, not {text!r}")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def resolve(text: str, environment: Mapping[str, str]) -> str:
    """Replace every `%SETTING%`; HostSettingsError names one that is not set."""

    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        if name not in environment:
            raise HostSettingsError(f"%{name}% in {text!r} is not set")
        return environment[name]

    return _REFERENCE.sub(value_of, text)


def connection_string(name: str, environment: Mapping[str, str]) -> str:
    """The storage connection string that a decorator's `connection` names, without or with `AzureWebJobs` before it."""
    for candidate in (f"AzureWebJobs{name}", name):
        if environment.get(candidate):
            return environment[candidate]
    raise HostSettingsError(f"the connection {name} is not set")
