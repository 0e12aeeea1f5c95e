"""Keys are read when they are needed, kept while they can be, and strangers can't make us ask without end."""

import asyncio
from typing import Any

import pytest

from shared.adapters.identity.key_set import FRESH, PAUSE, USABLE, KeySet
from shared.adapters.memory.clock import MemoryClock
from shared.errors import UnauthenticatedError, UnavailableError
from tests.builders import DAY_BEFORE
from tests.tenant import TENANT, Tenant, described


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock(DAY_BEFORE)


@pytest.fixture
def keys(tenant: Tenant, clock: MemoryClock) -> KeySet:
    url = f"{tenant.authority}/{TENANT}/discovery/v2.0/keys"
    return KeySet(url, tenant=TENANT, issuer=tenant.issuer, clock=clock)


async def _is_known(keys: KeySet, key_id: str) -> bool:
    try:
        return (await keys.find(key_id)).key_id == key_id
    except UnauthenticatedError:
        return False


async def test_keys_are_read_once_and_kept(tenant: Tenant, keys: KeySet) -> None:
    assert tenant.asked == 0
    assert all(await asyncio.gather(*(_is_known(keys, "first") for _ in range(20))))
    assert tenant.asked == 1


async def test_rotated_key_is_found(tenant: Tenant, keys: KeySet, clock: MemoryClock) -> None:
    assert await _is_known(keys, "first")
    tenant.keys = [described("first"), described("second")]
    clock.advance(PAUSE)
    assert await _is_known(keys, "second")
    assert await _is_known(keys, "first")
    assert tenant.asked == 2


async def test_withdrawn_key_is_forgotten(tenant: Tenant, keys: KeySet, clock: MemoryClock) -> None:
    assert await _is_known(keys, "first")
    tenant.keys = [described("second")]
    clock.advance(FRESH)
    assert not await _is_known(keys, "first")


async def test_unknown_keys_make_it_ask_once_in_a_while(
    tenant: Tenant, keys: KeySet, clock: MemoryClock
) -> None:
    for _ in range(3):
        strangers = await asyncio.gather(*(_is_known(keys, f"stranger {n}") for n in range(20)))
        assert not any(strangers)
    assert tenant.asked == 1
    clock.advance(PAUSE)
    assert not await _is_known(keys, "stranger")
    assert tenant.asked == 2


async def test_kept_keys_outlive_a_tenant_that_does_not_answer(
    tenant: Tenant, keys: KeySet, clock: MemoryClock
) -> None:
    assert await _is_known(keys, "first")
    tenant.status = 503
    clock.advance(FRESH)
    assert await _is_known(keys, "first")
    clock.advance(USABLE)
    with pytest.raises(UnavailableError):
        await keys.find("first")
    tenant.status = 200
    clock.advance(PAUSE)
    assert await _is_known(keys, "first")


async def test_new_key_is_not_called_unknown_while_nothing_can_be_read(
    tenant: Tenant, keys: KeySet, clock: MemoryClock
) -> None:
    assert await _is_known(keys, "first")
    tenant.keys, tenant.status = [described("second")], 503
    clock.advance(PAUSE)
    with pytest.raises(UnavailableError):
        await keys.find("second")
    assert await _is_known(keys, "first")


@pytest.mark.parametrize(
    ("status", "published"),
    [
        pytest.param(503, [described("first")], id="an error"),
        pytest.param(302, [described("first")], id="a redirect"),
        pytest.param(200, [], id="no keys"),
        pytest.param(200, None, id="null for keys"),
        pytest.param(200, ["first"], id="keys that are no objects"),
    ],
)
async def test_without_keys_nobody_can_be_known(
    tenant: Tenant, keys: KeySet, status: int, published: Any
) -> None:
    tenant.status, tenant.keys = status, published
    with pytest.raises(UnavailableError):
        await keys.find("first")
    with pytest.raises(UnavailableError):
        await keys.find("first")
    assert tenant.asked == 1


async def test_nobody_listening_is_unavailable(clock: MemoryClock) -> None:
    keys = KeySet("http://127.0.0.1:9/keys", tenant=TENANT, issuer="x", clock=clock)
    with pytest.raises(UnavailableError):
        await keys.find("first")


@pytest.mark.parametrize(
    "unfit",
    [
        pytest.param(described("unfit", use="enc"), id="for encryption"),
        pytest.param(described("unfit", kty="oct", k="c2VjcmV0"), id="a shared secret"),
        pytest.param(described("unfit", n="!"), id="a broken number"),
        pytest.param(described("unfit", n=None), id="no number"),
        pytest.param(described("unfit", bits=1024), id="too short"),
        pytest.param(
            described("unfit", issuer="https://login.microsoftonline.com/9188040d/v2.0"),
            id="of another issuer",
        ),
    ],
)
async def test_unfit_key_is_not_taken(tenant: Tenant, keys: KeySet, unfit: dict[str, Any]) -> None:
    tenant.keys.append(unfit)
    assert await _is_known(keys, "first")
    assert not await _is_known(keys, "unfit")


async def test_issuer_of_a_key_may_be_a_template(tenant: Tenant, keys: KeySet) -> None:
    template = f"{tenant.authority}/{{tenantid}}/v2.0"
    tenant.keys = [described("first", issuer=template), described("second", issuer=tenant.issuer)]
    assert await _is_known(keys, "first")
    assert await _is_known(keys, "second")
