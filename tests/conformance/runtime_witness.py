"""Index and invoke `function_app` through Microsoft's own Python runtime: `python runtime_witness.py FOLDER MACHINE`.

It runs under the Python that the runtime wants, in an environment with the app's own requirements. There is no host:
what a host would hand over, requests, messages and ticks, is handed over here, in the form in which the host does it.
Storage and Azure are those of the settings in the environment. FOLDER is the app's, MACHINE the id of a machine; what
came of it is printed as JSON.
"""

import asyncio
import base64
import json
import sys
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

QUEUES = {"runs": "reconcile_run", "jobs": "start_job"}
PARAMETERS = {"timer": "timer", "queue": "message", "http": "req"}
API = "?api-version=2023-04-01"
URL = "http://127.0.0.1:7071"
PROVIDER = "/providers/Microsoft.Maintenance"

runtime: Any = import_module("azure_functions_runtime.handle_event")
native: Any = import_module("azure_functions_runtime.native_invocation")
datums: Any = import_module("azure_functions_runtime.bindings.datumdef")
queue_client: Any = import_module("azure.storage.queue")


class Message(SimpleNamespace):
    """What the runtime fills in where the worker has messages of gRPC."""


class StatusResult(Message):
    """Whether a request went well."""

    Success, Failure = 1, 0


class BindingInfo(Message):
    """One binding of a function."""

    in_, out, inout, undefined = 0, 1, 2, 0


def protos() -> Any:
    """The kinds of message that indexing needs."""
    plain = ("WorkerInitResponse", "WorkerMetadata", "RpcFunctionMetadata", "RpcException")
    own = {"StatusResult": StatusResult, "BindingInfo": BindingInfo}
    answers = ("FunctionMetadataResponse", "RpcRetryOptions")
    return SimpleNamespace(**dict.fromkeys((*plain, *answers), Message), **own)


async def indexed(folder: str) -> dict[str, Any]:
    """The app's functions by name; fails as the worker does when one cannot be loaded."""
    sys.path.insert(0, folder)
    wish = SimpleNamespace(capabilities={}, function_app_directory=folder)
    request = SimpleNamespace(
        request=SimpleNamespace(worker_init_request=wish),
        properties={"host": "127.0.0.1", "protos": protos()},
    )
    done = await runtime.worker_init_request(request)
    if done.result.status != StatusResult.Success:
        raise RuntimeError(done.result.exception.message)
    found = await runtime.functions_metadata_request(None)
    return {one.name: one for one in found.function_metadata_results}


class App:
    """The indexed app: functions are called by name."""

    def __init__(self, functions: dict[str, Any]) -> None:
        self.functions = functions
        self.calls: list[str] = []

    async def invoke(
        self, name: str, kind: str, datum: Any, metadata: dict[str, Any] | None = None
    ) -> Any:
        """What a function returned; raises when it failed."""
        self.calls.append(name)
        identity = self.functions[name].function_id
        ok, returned, _, error, trace = await native.invocation_request_native(
            f"invocation-{len(self.calls)}", identity, [(PARAMETERS[kind], datum)], metadata or {}
        )
        if not ok:
            raise RuntimeError(f"{name}: {error}\n{trace}")
        return returned

    async def tick(self, name: str) -> None:
        """Trigger a timer."""
        content = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False}
        await self.invoke(name, "timer", datum(json.dumps(content), "json"))

    async def request(self, method: str, path: str, body: Any = None) -> Any:
        """Send an HTTP request; status and JSON."""
        name = "arm" if path.startswith("/subscriptions/") else "unmatched"
        url = f"{URL}{path}{API}"
        content = b"" if body is None else json.dumps(body).encode()
        sent = {
            "method": datum(method, "string"),
            "url": datum(url, "string"),
            "headers": {"host": datum("127.0.0.1:7071", "string")},
            "params": {"path": datum(path.partition("/")[2], "string")},
            "query": {key: datum(value, "string") for key, value in parse_qsl(urlsplit(url).query)},
            "body": datum(content, "bytes"),
        }
        reply = (await self.invoke(name, "http", datum(sent, "http"))).value
        status, content = int(reply["status_code"].value), reply["body"].value
        return {"status": status, "body": json.loads(content) if content else None}

    async def drain(self, storage: str) -> None:
        """Hand over every message of both queues, until none is left."""
        while any([await self._hand_over(storage, queue) for queue in QUEUES]):
            pass

    async def _hand_over(self, storage: str, queue: str) -> int:
        messages = 0
        with queue_client.QueueClient.from_connection_string(storage, queue) as client:
            for message in client.receive_messages():
                messages += 1
                metadata = {
                    "Id": datum(message.id, "string"),
                    "DequeueCount": datum(str(message.dequeue_count), "string"),
                    "PopReceipt": datum(message.pop_receipt, "string"),
                    "InsertionTime": datum(json.dumps(message.inserted_on.isoformat()), "json"),
                }
                body = base64.b64decode(message.content).decode()
                await self.invoke(QUEUES[queue], "queue", datum(body, "string"), metadata)
                client.delete_message(message)
        return messages


def datum(value: Any, kind: str) -> Any:
    """A value in the runtime's own wrapping."""
    return datums.Datum(value, kind)


async def patch(app: App, machine: str, *, storage: str) -> dict[str, Any]:
    """Configure, start now, and go on until the machine's install has been started."""
    group = "/".join(machine.split("/")[:5])
    schedule = f"{group}{PROVIDER}/maintenanceConfigurations/witness"
    rules = {
        "maintenanceScope": "InGuestPatch",
        "extensionProperties": {"InGuestPatchMode": "Platform"},
        "maintenanceWindow": {
            "startDateTime": "2026-06-01 02:00",
            "duration": "03:00",
            "timeZone": "UTC",
        },
    }
    created = await app.request("PUT", schedule, {"location": "westeurope", "properties": rules})
    assignment = f"{machine}{PROVIDER}/configurationAssignments/witness"
    named = {"properties": {"maintenanceConfigurationId": schedule}}
    assigned = await app.request("PUT", assignment, named)
    started = await app.request("PUT", f"{schedule}{PROVIDER}/applyUpdates/default")
    await app.drain(storage)
    await app.tick("evaluate_schedules")
    await app.drain(storage)
    await app.tick("collect_results")
    run = started["body"]["id"]
    return {
        "created": created,
        "assigned": assigned,
        "jobs": await app.request("GET", f"{run}/jobs"),
        "unknown": await app.request("GET", "/nowhere"),
    }


async def main(folder: str, machine: str) -> None:
    """Print what the runtime found and what the functions did."""
    functions = await indexed(folder)
    app = App(functions)
    # Settings are read as the app reads them, so that this script names none of its own.
    bootstrap: Any = import_module("shared.bootstrap")
    storage = bootstrap.settings().storage.get_secret_value()
    try:
        told = await patch(app, machine, storage=storage)
    finally:
        await bootstrap.close()
    index = {
        name: [json.loads(one)["type"] for one in function.raw_bindings]
        for name, function in functions.items()
    }
    print(json.dumps({"index": index, "calls": sorted(set(app.calls)), **told}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
