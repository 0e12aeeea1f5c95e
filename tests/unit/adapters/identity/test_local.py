"""With no authentication configured only this machine is answered, and in Azure nobody."""

import pytest

from shared.adapters.identity.local import LocalCaller
from shared.application.callers import LOCAL
from shared.errors import ForbiddenError

HERE = LocalCaller(is_in_azure=False)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:7071"},
        {"host": "127.8.9.10"},
        {"host": "localhost"},
        {"host": "LOCALHOST:7071"},
        {"host": "[::1]:7071"},
        {"host": "localhost", "x-forwarded-for": "127.0.0.1"},
        {"host": "localhost", "x-forwarded-for": "127.0.0.1:5000, ::1, [::1]:80"},
        {"host": "localhost", "origin": "http://127.0.0.1:7071"},
        {"host": "localhost", "origin": "https://localhost"},
    ],
)
async def test_this_machine_is_the_administrator(headers: dict[str, str]) -> None:
    assert await HERE.caller(headers) is LOCAL


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": ""},
        {"host": "example.com"},
        {"host": "localhost.example.com"},
        {"host": "127.0.0.1.example.com"},
        {"host": "localhost@example.com"},
        {"host": "example.com#localhost"},
        {"host": "10.0.0.1:7071"},
        {"host": "0.0.0.0:7071"},
        {"host": "[::]:7071"},
        {"host": "[broken"},
        {"host": "localhost", "x-forwarded-for": "203.0.113.7"},
        {"host": "localhost", "x-forwarded-for": "127.0.0.1, 203.0.113.7"},
        {"host": "localhost", "x-forwarded-for": "203.0.113.7, 127.0.0.1"},
        {"host": "localhost", "x-forwarded-for": ""},
        {"host": "localhost", "x-forwarded-for": "unknown"},
        {"host": "localhost", "origin": "https://example.com"},
        {"host": "localhost", "origin": "http://localhost.example.com:7071"},
        {"host": "localhost", "origin": "null"},
        {"host": "localhost", "origin": ""},
        {"host": "localhost", "origin": "http://[broken"},
    ],
)
async def test_whoever_may_be_elsewhere_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ForbiddenError):
        await HERE.caller(headers)


async def test_in_azure_nobody_is_local() -> None:
    with pytest.raises(ForbiddenError):
        await LocalCaller(is_in_azure=True).caller({"host": "localhost"})
