"""Messages: what is understood, and that anything else is refused as the sender's mistake."""

import json
from typing import Any

import pytest

from shared.application.messages import (
    PassRequest,
    RunRequest,
    StartRequest,
    decode_job_message,
    decode_run_message,
    encode,
)
from shared.domain.records import RunId
from shared.errors import InvalidRequestError
from tests.builders import CONFIGURATION, a_machine

RUN = RunId(configuration_id=CONFIGURATION, key="20260602020000").text
MACHINE = a_machine().id
PASS = {"v": 1, "run": RUN}
ON_DEMAND = {"v": 1, "configuration": CONFIGURATION, "requestId": "ticket 7"}
START = {"v": 1, "run": RUN, "machine": MACHINE}


def test_run_message_asks_for_a_pass() -> None:
    assert decode_run_message(json.dumps(PASS)) == PassRequest(v=1, run=RUN)


def test_run_message_starts_a_run() -> None:
    expected = RunRequest(v=1, configuration=CONFIGURATION, requestId="ticket 7")
    assert decode_run_message(json.dumps(ON_DEMAND)) == expected


def test_job_message_starts_a_job() -> None:
    assert decode_job_message(json.dumps(START)) == StartRequest(v=1, run=RUN, machine=MACHINE)


def test_byte_order_and_white_space_of_a_person_do_not_matter() -> None:
    assert decode_run_message(f' {{"run" : "{RUN}",\r\n\t"v":1}}\n') == PassRequest(v=1, run=RUN)


@pytest.mark.parametrize("text", ["it's", "ü東京🐧", 'a"b\\c', "x" * 1000])
def test_what_was_encoded_is_decoded_alike(text: str) -> None:
    for message in (
        PassRequest(v=1, run=RUN),
        RunRequest(v=1, configuration=CONFIGURATION, requestId=text),
    ):
        assert decode_run_message(encode(message)) == message
    start = StartRequest(v=1, run=RUN, machine=MACHINE)
    assert decode_job_message(encode(start)) == start


@pytest.mark.parametrize("wrong", ["nonsense", "/r", CONFIGURATION, f"{RUN}0"])
def test_id_that_is_none_is_refused_with_its_name(wrong: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"run: .* is not"):
        decode_run_message(json.dumps({"v": 1, "run": wrong}))
    with pytest.raises(InvalidRequestError, match=r"machine: .* is not"):
        decode_job_message(json.dumps({"v": 1, "run": RUN, "machine": "nonsense"}))
    with pytest.raises(InvalidRequestError, match=r"configuration: .* is not"):
        decode_run_message(json.dumps(ON_DEMAND | {"configuration": "nonsense"}))


NOT_OBJECTS = ["", " ", "nonsense", "null", "1", '"/r"', "[]", "{", "{'v': 1}", "\x00", "NaN"]
_DEEP = "[" * 10_000


@pytest.mark.parametrize("body", [*NOT_OBJECTS, "{}", _DEEP, '{"v": 1, "v": 2, "run": "/r"}'])
def test_body_that_is_no_message_is_refused(body: str) -> None:
    with pytest.raises(InvalidRequestError, match="malformed"):
        decode_run_message(body)
    with pytest.raises(InvalidRequestError, match="malformed"):
        decode_job_message(body)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"v": 2}, id="a version to come"),
        pytest.param({"v": "1"}, id="a version as text"),
        pytest.param({"v": True}, id="true is no version"),
        pytest.param({"v": None}, id="no version"),
        pytest.param({"run": ""}, id="an empty id"),
        pytest.param({"run": 7}, id="a number for an id"),
        pytest.param({"run": None}, id="null for an id"),
        pytest.param({"run": ["/r"]}, id="a list for an id"),
        pytest.param({"run": "x" * 1001}, id="an endless id"),
        pytest.param({"notBefore": "now"}, id="an unknown member"),
    ],
)
@pytest.mark.parametrize("message", [PASS, START])
def test_message_of_another_shape_is_refused(
    message: dict[str, Any], change: dict[str, Any]
) -> None:
    decode = decode_job_message if "machine" in message else decode_run_message
    with pytest.raises(InvalidRequestError, match="malformed"):
        decode(json.dumps(message | change))


@pytest.mark.parametrize("name", ["v", "configuration", "requestId"])
def test_request_for_a_run_needs_all_its_members(name: str) -> None:
    with pytest.raises(InvalidRequestError, match=name):
        decode_run_message(json.dumps({k: v for k, v in ON_DEMAND.items() if k != name}))


def test_message_for_both_a_pass_and_a_run_is_refused() -> None:
    with pytest.raises(InvalidRequestError):
        decode_run_message(json.dumps(PASS | ON_DEMAND))


def test_message_of_the_other_queue_is_refused() -> None:
    with pytest.raises(InvalidRequestError):
        decode_run_message(json.dumps(START))
    with pytest.raises(InvalidRequestError):
        decode_job_message(json.dumps(PASS))


def test_refusal_says_what_is_wrong_and_not_what_was_sent() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        decode_job_message(json.dumps(START | {"password": "hunter2"}))
    assert "password" in caught.value.message
    assert "hunter2" not in caught.value.message


def test_refusal_stays_short() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        decode_job_message(json.dumps({f"member{n}": n for n in range(1000)}))
    assert len(caught.value.message) <= 1000
