"""Read the decorators of a function app: which functions there are, what triggers each, how one is called.

1. `FunctionApp.get_functions` works once, so an app is indexed once.
2. A trigger or binding that the development host does not know is refused by name: nothing is left out silently.
3. As in Microsoft's worker, type hints must be readable at run time and every parameter of a handler is a binding.
4. Synchronous handlers run in a thread, asynchronous ones on the event loop.
"""

import asyncio
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import azure.functions as func

from localhost.functions.host_settings import HostSettingsError, connection_string, resolve
from localhost.functions.ncrontab import Ncrontab


class UnsupportedFunctionError(NotImplementedError):
    """A function needs something that the development host does not imitate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """A function of the app: `name` in the host, `parameter` that takes what triggered it, the code itself."""

    name: str
    parameter: str
    code: Callable[..., Any]

    async def call(self, argument: object) -> Any:
        """Run it; whatever it raises is raised."""
        if inspect.iscoroutinefunction(self.code):
            return await self.code(**{self.parameter: argument})
        return await asyncio.to_thread(self.code, **{self.parameter: argument})


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFunction:
    """Runs on a schedule; `monitored` when its status outlives the host."""

    handler: Handler
    schedule: Ncrontab
    run_on_startup: bool
    monitored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFunction:
    """Runs once for each message of a queue in the account of *connection*, a connection string."""

    handler: Handler
    queue: str
    connection: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFunction:
    """Runs for requests to *route*, a template without the prefix; no methods means all of them."""

    handler: Handler
    route: str
    methods: frozenset[str]


Function = TimerFunction | QueueFunction | HttpFunction


def index(app: func.FunctionApp, environment: Mapping[str, str]) -> Mapping[str, Function]:
    """All functions of *app* by name, in the order of names.

    *environment* holds the settings that `%NAME%` and `connection` refer to; HostSettingsError when one is missing.
    UnsupportedFunctionError for what the host does not know.
    """
    functions = (_function(function, environment) for function in app.get_functions())
    return {each.handler.name: each for each in sorted(functions, key=lambda f: f.handler.name)}


def _function(function: Any, environment: Mapping[str, str]) -> Function:
    name, trigger = function.get_function_name(), function.get_trigger()
    if trigger is None:
        raise UnsupportedFunctionError(f"{name} has no trigger")
    _refuse_other_bindings(name, function)
    handler = _handler(name, parameter=trigger.name, code=function.get_user_function())
    match trigger.type:
        case "timerTrigger":
            return _timer(handler, trigger, environment=environment)
        case "queueTrigger":
            return QueueFunction(
                handler=handler,
                queue=resolve(trigger.queue_name, environment),
                connection=connection_string(trigger.connection, environment),
            )
        case "httpTrigger":
            methods = frozenset(str(getattr(m, "value", m)).upper() for m in trigger.methods or ())
            return HttpFunction(handler=handler, route=trigger.route or name, methods=methods)
    raise UnsupportedFunctionError(
        f"{name} has a {trigger.type}: the development host knows timerTrigger, queueTrigger and "
        "httpTrigger only"
    )


def _timer(handler: Handler, trigger: Any, *, environment: Mapping[str, str]) -> TimerFunction:
    try:
        schedule = Ncrontab(resolve(trigger.schedule, environment))
    except HostSettingsError:
        raise
    except ValueError as error:
        raise UnsupportedFunctionError(f"the schedule of {handler.name}: {error}") from error
    return TimerFunction(
        handler=handler,
        schedule=schedule,
        run_on_startup=bool(trigger.run_on_startup),
        monitored=trigger.use_monitor is not False and not schedule.often(),
    )


def _refuse_other_bindings(name: str, function: Any) -> None:
    for binding in function.get_bindings():
        is_response = binding.type == "http" and binding.name == "$return"
        if binding is not function.get_trigger() and not is_response:
            raise UnsupportedFunctionError(
                f"{name} has a binding of type {binding.type}: the development host knows triggers "
                "and HTTP responses only"
            )


def _handler(name: str, *, parameter: str, code: Callable[..., Any]) -> Handler:
    try:
        typing.get_type_hints(code)
    except NameError as error:
        raise UnsupportedFunctionError(
            f"the type hints of {name} can't be read at run time, which the worker does: {error}"
        ) from error
    parameters = list(inspect.signature(code).parameters)
    if parameters != [parameter]:
        raise UnsupportedFunctionError(
            f"{name} takes {parameters}, but its only binding is {parameter!r}"
        )
    return Handler(name=name, parameter=parameter, code=code)
