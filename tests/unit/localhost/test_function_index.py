from collections.abc import Callable
from typing import Any

import azure.functions as func
import pytest

from localhost.functions.function_index import (
    HttpFunction,
    QueueFunction,
    TimerFunction,
    UnsupportedFunctionError,
    index,
)
from localhost.functions.host_settings import HostSettingsError

ENVIRONMENT = {"AzureWebJobsStorage": "connection", "QUEUE": "jobs", "SCHEDULE": "0 */5 * * * *"}


def _app(*register: Callable[[func.FunctionApp], Any]) -> func.FunctionApp:
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    for each in register:
        each(app)
    return app


def _timer(app: func.FunctionApp) -> None:
    @app.timer_trigger(arg_name="timer", schedule="%SCHEDULE%", run_on_startup=True)
    def tick(timer: func.TimerRequest) -> str:
        return f"past due: {timer.past_due}"


def _queue(app: func.FunctionApp) -> None:
    @app.function_name("work")
    @app.queue_trigger(arg_name="message", queue_name="%QUEUE%", connection="AzureWebJobsStorage")
    async def on_message(message: func.QueueMessage) -> str:
        return message.get_body().decode()


def _http(app: func.FunctionApp) -> None:
    @app.route(route="things/{name}", methods=["GET", "put"])
    def things(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse(req.method)


def _blob(app: func.FunctionApp) -> None:
    @app.blob_trigger(arg_name="blob", path="in/{name}", connection="AzureWebJobsStorage")
    def copy_blob(blob: func.InputStream) -> None: ...


def _queue_output(app: func.FunctionApp) -> None:
    @app.route(route="send")
    @app.queue_output(arg_name="out", queue_name="q", connection="AzureWebJobsStorage")
    def send(req: func.HttpRequest, out: func.Out[str]) -> None: ...


def _more_parameters(app: func.FunctionApp) -> None:
    @app.route(route="more")
    def more(req: func.HttpRequest, context: func.Context) -> None: ...


def _unreadable_hints(app: func.FunctionApp) -> None:
    @app.route(route="hints")
    def hints(req: "Request") -> None: ...  # type: ignore[name-defined]  # noqa: F821


def _odd_schedule(app: func.FunctionApp) -> None:
    @app.timer_trigger(arg_name="timer", schedule="00:05:00")
    def every_five_minutes(timer: func.TimerRequest) -> None: ...


def _unset_queue(app: func.FunctionApp) -> None:
    @app.queue_trigger(arg_name="message", queue_name="%OTHER%", connection="AzureWebJobsStorage")
    def unset(message: func.QueueMessage) -> None: ...


def test_functions_are_found_in_the_order_of_their_names() -> None:
    functions = index(_app(_queue, _http, _timer), ENVIRONMENT)
    assert list(functions) == ["things", "tick", "work"]


def test_a_timer_has_its_schedule_from_a_setting() -> None:
    found = index(_app(_timer), ENVIRONMENT)["tick"]
    assert isinstance(found, TimerFunction)
    assert (found.schedule.text, found.run_on_startup, found.monitored) == (
        "0 */5 * * * *",
        True,
        True,
    )


def test_a_timer_that_fires_more_than_once_a_minute_is_not_monitored() -> None:
    found = index(_app(_timer), ENVIRONMENT | {"SCHEDULE": "*/10 * * * * *"})["tick"]
    assert isinstance(found, TimerFunction)
    assert not found.monitored


def test_a_queue_function_has_its_queue_and_connection_from_settings() -> None:
    found = index(_app(_queue), ENVIRONMENT)["work"]
    assert isinstance(found, QueueFunction)
    assert (found.queue, found.connection) == ("jobs", "connection")


def test_an_http_function_has_its_route_and_methods() -> None:
    found = index(_app(_http), ENVIRONMENT)["things"]
    assert isinstance(found, HttpFunction)
    assert found.route == "things/{name}"
    assert found.methods == {"GET", "PUT"}


async def test_synchronous_and_asynchronous_handlers_take_their_argument_by_name() -> None:
    functions = index(_app(_queue, _timer), ENVIRONMENT)
    answers = [
        await functions["work"].handler.call(func.QueueMessage(body="hello")),
        await functions["tick"].handler.call(func.timer.TimerRequest(past_due=True)),
    ]
    assert answers == ["hello", "past due: True"]


@pytest.mark.parametrize(
    ("register", "message"),
    [
        pytest.param(_blob, "copy_blob has a blobTrigger", id="unknown trigger"),
        pytest.param(_queue_output, "send has a binding of type queue", id="output binding"),
        pytest.param(_more_parameters, r"more takes \['req', 'context'\]", id="unbound parameter"),
        pytest.param(_unreadable_hints, "type hints of hints", id="unreadable type hints"),
        pytest.param(_odd_schedule, "schedule of every_five_minutes", id="not NCRONTAB"),
    ],
)
def test_what_is_not_imitated_is_refused_by_name(
    register: Callable[[func.FunctionApp], None], message: str
) -> None:
    with pytest.raises(UnsupportedFunctionError, match=message):
        index(_app(register), ENVIRONMENT)


def test_a_missing_setting_keeps_the_app_from_starting() -> None:
    with pytest.raises(HostSettingsError, match="%OTHER%"):
        index(_app(_unset_queue), ENVIRONMENT)
