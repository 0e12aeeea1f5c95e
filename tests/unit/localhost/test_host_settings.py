import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from localhost.functions.host_settings import (
    HostSettings,
    HostSettingsError,
    QueueSettings,
    connection_string,
    read_host_settings,
    resolve,
)


def _read(folder: Path, document: dict[str, Any]) -> HostSettings:
    (folder / "host.json").write_text(json.dumps({"version": "2.0"} | document), encoding="utf-8")
    return read_host_settings(folder)


def _queues(**members: Any) -> dict[str, Any]:
    return {"extensions": {"queues": members}}


def test_defaults_are_those_of_the_host_in_development(tmp_path: Path) -> None:
    assert _read(tmp_path, {}) == HostSettings(
        route_prefix="api",
        queues=QueueSettings(
            batch_size=16,
            new_batch_threshold=8 * (os.cpu_count() or 1),
            max_dequeue_count=5,
            visibility_timeout=timedelta(0),
            max_polling_interval=timedelta(seconds=2),
            base64=True,
            lease=timedelta(minutes=10),
        ),
    )


def test_every_queue_setting_is_read(tmp_path: Path) -> None:
    document = _queues(
        batchSize=4,
        newBatchThreshold=3,
        maxDequeueCount=2,
        visibilityTimeout="00:00:30",
        maxPollingInterval="1.02:03:04",
        messageEncoding="none",
    )
    assert _read(tmp_path, document).queues == QueueSettings(
        batch_size=4,
        new_batch_threshold=3,
        max_dequeue_count=2,
        visibility_timeout=timedelta(seconds=30),
        max_polling_interval=timedelta(days=1, hours=2, minutes=3, seconds=4),
        base64=False,
    )


@pytest.mark.parametrize(
    ("written", "prefix"),
    [
        pytest.param("", "", id="none"),
        pytest.param("/v1/", "v1", id="with slashes"),
    ],
)
def test_route_prefix_is_read_without_its_slashes(
    tmp_path: Path, written: str, prefix: str
) -> None:
    document = {"extensions": {"http": {"routePrefix": written}}}
    assert _read(tmp_path, document).route_prefix == prefix


@pytest.mark.parametrize(
    ("document", "message"),
    [
        pytest.param({"version": "1.0"}, "version", id="another version"),
        pytest.param(_queues(batchSize=33), "batchSize", id="batch over 32"),
        pytest.param(_queues(batchSize="16"), "batchSize", id="batch as text"),
        pytest.param(_queues(maxDequeueCount=0), "maxDequeueCount", id="no attempt at all"),
        pytest.param(_queues(visibilityTimeout="30"), "hh:mm:ss", id="seconds alone"),
        pytest.param(_queues(messageEncoding="hex"), "messageEncoding", id="unknown encoding"),
    ],
)
def test_a_value_without_sense_is_refused_by_name(
    tmp_path: Path, document: dict[str, Any], message: str
) -> None:
    with pytest.raises(HostSettingsError, match=message):
        _read(tmp_path, document)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostSettingsError, match=r"host\.json can't be read"):
        read_host_settings(tmp_path)


def test_setting_references_are_replaced_wherever_they_stand() -> None:
    environment = {"PREFIX": "dev", "KIND": "jobs"}
    assert resolve("%PREFIX%-x-%KIND%", environment) == "dev-x-jobs"


def test_a_setting_that_is_not_set_is_named() -> None:
    with pytest.raises(HostSettingsError, match="%QUEUE%"):
        resolve("%QUEUE%", {})


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({"Storage": "plain"}, "plain", id="as named"),
        pytest.param({"Storage": "p", "AzureWebJobsStorage": "long"}, "long", id="long form first"),
    ],
)
def test_connection_is_found_under_either_name(environment: dict[str, str], expected: str) -> None:
    assert connection_string("Storage", environment) == expected


def test_a_connection_that_is_not_set_is_named() -> None:
    with pytest.raises(HostSettingsError, match="Storage"):
        connection_string("Storage", {"Storage": ""})
