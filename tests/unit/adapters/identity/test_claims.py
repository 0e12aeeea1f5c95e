"""What claims say: the name for the records, user or application, the highest role."""

from typing import Any

import pytest

from shared.adapters.identity.claims import caller_of
from shared.application.callers import Role
from shared.errors import ForbiddenError, UnauthenticatedError

USER = {"azp": "client", "scp": "x", "oid": "object", "preferred_username": "ada@example.com"}
APPLICATION = {"azp": "client", "oid": "object"}


@pytest.mark.parametrize(
    ("roles", "role"),
    [
        (["Reader"], Role.READER),
        (["Operator"], Role.OPERATOR),
        (["Administrator"], Role.ADMINISTRATOR),
        (["Reader", "Operator"], Role.OPERATOR),
        (["Administrator", "Reader"], Role.ADMINISTRATOR),
        (["Something", "Reader", 7, None], Role.READER),
    ],
)
def test_highest_role_counts(roles: list[Any], role: Role) -> None:
    assert caller_of({**USER, "roles": roles}).role is role


@pytest.mark.parametrize(
    "roles",
    [None, [], ["Owner"], ["administrator"], ["Administrator "], "Administrator", [["Reader"]], {}],
    ids=repr,
)
def test_without_a_role_nothing_is_allowed(roles: Any) -> None:
    with pytest.raises(ForbiddenError, match=r"ada@example\.com.*Reader, Operator, Administrator"):
        caller_of({**USER, "roles": roles})


@pytest.mark.parametrize(
    ("claims", "kind", "name"),
    [
        pytest.param(USER, "User", "ada@example.com", id="user"),
        pytest.param(USER | {"idtyp": "user"}, "User", "ada@example.com", id="said to be a user"),
        pytest.param(APPLICATION, "Application", "client", id="nothing delegated"),
        pytest.param(APPLICATION | {"idtyp": "app"}, "Application", "client", id="said to be one"),
        pytest.param({"appid": "old", "oid": "o"}, "Application", "old", id="form 1.0"),
        pytest.param({"upn": "ada", "oid": "o"}, "User", "ada", id="a sign-in without a client"),
        pytest.param({"scp": "x", "azp": "client", "oid": "o"}, "User", "o", id="nameless user"),
        pytest.param({"preferred_username": " ", "sub": "s"}, "User", "s", id="blank name"),
        pytest.param({"preferred_username": 7, "sub": "s"}, "User", "s", id="a number for a name"),
        pytest.param({"upn": "a\nb", "sub": "s"}, "User", "s", id="a line break in a name"),
        pytest.param({"upn": "\ud800", "sub": "s"}, "User", "s", id="half a character"),
    ],
)
def test_name_and_kind(claims: dict[str, Any], kind: str, name: str) -> None:
    caller = caller_of({**claims, "roles": ["Reader"]})
    assert (caller.kind, caller.name) == (kind, name)


def test_nobody_can_be_let_in_without_a_name() -> None:
    with pytest.raises(UnauthenticatedError):
        caller_of({"roles": ["Administrator"]})
