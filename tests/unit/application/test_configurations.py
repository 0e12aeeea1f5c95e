"""What a write, a change and a deletion of a maintenance configuration leave behind, whatever gets in between."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.memory.clock import MemoryClock
from shared.adapters.memory.services import services as memory_services
from shared.application.assignments import list_assignments, put_assignment
from shared.application.callers import LOCAL, TIMER, Caller, Role
from shared.application.configurations import (
    delete_configuration,
    finish_deletion,
    get_configuration,
    list_configurations,
    patch_configuration,
    put_configuration,
)
from shared.application.limits import Limits
from shared.application.ports import Agenda, Services, StoredConfiguration
from shared.application.preconditions import ANY, Preconditions
from shared.application.start_run import start_configuration_run
from shared.domain.records import RunId, run_key
from shared.domain.run import Reason, RunStatus
from shared.errors import (
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
    PreconditionFailedError,
    UnavailableError,
)
from tests.builders import (
    CONFIGURATION,
    DAY_BEFORE,
    GROUP,
    SUBSCRIPTION,
    WINDOW_OPENS,
    a_configuration,
    a_machine,
    a_scope,
)

MINUTE = timedelta(minutes=1)
READER = Caller(name="reader", role=Role.READER)
OPERATOR = Caller(name="operator", role=Role.OPERATOR)
OTHER = CONFIGURATION.replace("nightly", "weekly")


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock(DAY_BEFORE)


@pytest.fixture
def services(clock: MemoryClock) -> Services:
    return memory_services(clock)


async def put(
    services: Services, configuration_id: str = CONFIGURATION, **window: str
) -> StoredConfiguration:
    """Store a configuration; *window* replaces members of its maintenance window."""
    document = a_configuration(**window)
    written = await put_configuration(services, configuration_id, document=document, caller=LOCAL)
    return written.stored


# --- writing -------------------------------------------------------------------------------------


async def test_what_is_put_comes_back_as_it_was_sent(services: Services) -> None:
    document = a_configuration() | {"tags": {"Zeta": "1", "alpha": "2"}, "extra": [None, {"a": 1}]}
    written = await put_configuration(services, CONFIGURATION, document=document, caller=LOCAL)
    assert written.is_new
    found = await get_configuration(services, CONFIGURATION.upper(), caller=READER)
    assert found.document == document
    assert list(found.document["tags"]) == ["Zeta", "alpha"]
    assert (found.created_at, found.created_by) == (DAY_BEFORE, LOCAL.name)


async def test_replacing_keeps_the_spelling_and_the_birth(
    services: Services, clock: MemoryClock
) -> None:
    first = await put(services)
    clock.advance(MINUTE)
    changed = a_configuration() | {"tags": {"a": "b"}}
    written = await put_configuration(
        services, CONFIGURATION.upper(), document=changed, caller=LOCAL
    )
    assert not written.is_new
    assert written.stored.id == CONFIGURATION
    assert written.stored.created_at == DAY_BEFORE
    assert written.stored.modified_at == DAY_BEFORE + MINUTE
    assert written.stored.revision != first.revision


async def test_invalid_document_changes_nothing(services: Services) -> None:
    with pytest.raises(InvalidRequestError):
        await put(services, recurEvery="never")
    assert await services.configurations.get(CONFIGURATION) is None
    assert await services.agenda.get(CONFIGURATION) is None


async def test_agenda_names_the_revision_that_is_stored(services: Services) -> None:
    for recurrence in ("Day", "2Days"):
        stored = await put(services, recurEvery=recurrence)
        entry = await services.agenda.get(CONFIGURATION)
        assert entry
        assert entry.revision == stored.revision
        assert entry.next_due == DAY_BEFORE


async def test_writer_that_dies_before_the_document_leaves_a_look_and_no_document(
    services: Services,
) -> None:
    broken: Any = FailingInsert()
    with pytest.raises(UnavailableError):
        await put(replace(services, configurations=broken))
    assert await services.agenda.get(CONFIGURATION)
    assert await services.configurations.get(CONFIGURATION) is None


class FailingInsert:
    """A store that holds nothing and takes nothing."""

    async def get(self, configuration_id: str) -> None:
        return None

    async def insert(self, configuration: StoredConfiguration) -> StoredConfiguration:
        raise UnavailableError("down")

    async def list(self, prefix: str) -> AsyncIterator[StoredConfiguration]:
        for one in list[StoredConfiguration]():
            yield one


@pytest.mark.parametrize(
    ("window", "moved"),
    [
        pytest.param({}, False, id="the same window"),
        pytest.param({"recurEvery": " 1days "}, False, id="another spelling of the same window"),
        pytest.param({"recurEvery": "2Days"}, True, id="another window"),
    ],
)
async def test_only_a_changed_window_moves_its_floor(
    services: Services, clock: MemoryClock, window: dict[str, str], moved: bool
) -> None:
    await put(services)
    clock.advance(MINUTE)
    stored = await put(services, **window)
    assert stored.window_since == (clock.instant if moved else DAY_BEFORE)


async def test_changed_window_first_records_what_the_old_one_had_due(
    services: Services, clock: MemoryClock
) -> None:
    await put(services)
    clock.instant = WINDOW_OPENS + timedelta(days=1, hours=1)
    await put(services, recurEvery="Week")
    runs = [run async for run in services.runs.list(CONFIGURATION)]
    assert [(run.key, run.status) for run in runs] == [
        (run_key(WINDOW_OPENS), RunStatus.MISSED),
        (run_key(WINDOW_OPENS + timedelta(days=1)), RunStatus.PENDING),
    ]


async def test_warning_tells_what_azure_would_refuse(services: Services) -> None:
    document = a_configuration()
    linux = document["properties"]["installPatches"]["linuxParameters"]
    linux["classificationsToInclude"] = ["Critical", "Other"]
    written = await put_configuration(services, CONFIGURATION, document=document, caller=LOCAL)
    assert "Security" in written.warning


# --- conditions, limits, roles -------------------------------------------------------------------


async def test_stale_etag_is_refused_and_the_current_one_accepted(services: Services) -> None:
    first = await put(services)
    second = await put(services)
    for etag, allowed in ((first.etag, False), (second.etag, True)):
        writing = put_configuration(
            services,
            CONFIGURATION,
            document=a_configuration(),
            caller=LOCAL,
            preconditions=Preconditions.only(etag),
        )
        if allowed:
            assert not (await writing).is_new
        else:
            with pytest.raises(PreconditionFailedError):
                await writing


async def test_if_none_match_any_creates_once(services: Services) -> None:
    conditions = Preconditions(if_none_match=ANY)
    for expected in (True, False):
        writing = put_configuration(
            services,
            CONFIGURATION,
            document=a_configuration(),
            caller=LOCAL,
            preconditions=conditions,
        )
        if expected:
            assert (await writing).is_new
        else:
            with pytest.raises(PreconditionFailedError):
                await writing


async def test_writers_who_overtake_each_other_both_succeed(services: Services) -> None:
    await put(services)

    async def another_writes() -> None:
        await put(services, duration="02:00")

    overtaken = replace(services, agenda=Interfering(services.agenda, another_writes))
    stored = await put(overtaken, duration="04:00")
    assert stored == await services.configurations.get(CONFIGURATION)
    assert stored.document["properties"]["maintenanceWindow"]["duration"] == "04:00"


class Interfering:
    """An agenda at whose first `look_at` somebody else does something."""

    def __init__(self, inner: Agenda, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self._inner = inner
        self._meanwhile: Callable[[], Awaitable[None]] | None = meanwhile

    async def look_at(self, configuration_id: str, *, revision: str, now: Any) -> None:
        await self._inner.look_at(configuration_id, revision=revision, now=now)
        if self._meanwhile:
            meanwhile, self._meanwhile = self._meanwhile, None
            await meanwhile()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


async def test_limit_counts_one_region_of_one_subscription(clock: MemoryClock) -> None:
    services = memory_services(clock, limits=Limits(configurations_per_region=1))
    await put(services)
    await put(services)
    with pytest.raises(LimitExceededError, match="at most 1"):
        await put(services, OTHER)
    elsewhere = a_configuration() | {"location": "northeurope"}
    await put_configuration(services, OTHER, document=elsewhere, caller=LOCAL)
    with pytest.raises(LimitExceededError):
        await put(services, OTHER)
    await put(services, OTHER.replace(SUBSCRIPTION, SUBSCRIPTION.replace("1", "2")))


@pytest.mark.parametrize("caller", [READER, OPERATOR])
async def test_only_administrators_write(services: Services, caller: Caller) -> None:
    await put(services)
    for forbidden in (
        put_configuration(services, OTHER, document=a_configuration(), caller=caller),
        patch_configuration(services, CONFIGURATION, changes={}, caller=caller),
        delete_configuration(services, CONFIGURATION, caller=caller),
    ):
        with pytest.raises(ForbiddenError):
            await forbidden
    assert [one.id for one in await list_configurations(services, GROUP, caller=caller)] == [
        CONFIGURATION
    ]


# --- changing ------------------------------------------------------------------------------------


async def test_patch_changes_only_what_it_names(services: Services) -> None:
    await put(services)
    changes = {"tags": {"a": "b"}, "properties": {"maintenanceWindow": {"recurEvery": "Week"}}}
    written = await patch_configuration(services, CONFIGURATION, changes=changes, caller=LOCAL)
    assert written.stored.document == a_configuration(recurEvery="Week") | {"tags": {"a": "b"}}


async def test_patch_that_breaks_the_document_is_refused(services: Services) -> None:
    await put(services)
    with pytest.raises(InvalidRequestError):
        await patch_configuration(
            services, CONFIGURATION, changes={"properties": None}, caller=LOCAL
        )


async def test_patch_of_nothing_is_not_found(services: Services) -> None:
    with pytest.raises(NotFoundError):
        await patch_configuration(services, CONFIGURATION, changes={}, caller=LOCAL)


# --- listing -------------------------------------------------------------------------------------


async def test_lists_hold_what_is_in_the_subscription_or_the_group(services: Services) -> None:
    elsewhere = CONFIGURATION.replace("/ops/", "/ops2/")
    for configuration_id in (CONFIGURATION, OTHER, elsewhere):
        await put(services, configuration_id)
    in_group = await list_configurations(services, GROUP.upper(), caller=READER)
    assert {one.id for one in in_group} == {CONFIGURATION, OTHER}
    in_all = await list_configurations(services, f"/subscriptions/{SUBSCRIPTION}", caller=READER)
    assert {one.id for one in in_all} == {CONFIGURATION, OTHER, elsewhere}


# --- deleting ------------------------------------------------------------------------------------


async def deletable(services: Services) -> RunId:
    """A configuration with a scope, a static assignment and an open run, whose id is the answer."""
    await put(services)
    for scope_id, document in ((GROUP, a_scope()), (a_machine().id, a_scope())):
        if scope_id != GROUP:
            del document["properties"]["filter"]
        await put_assignment(services, scope_id, name="one", document=document, caller=LOCAL)
    return (await start_configuration_run(services, CONFIGURATION, caller=LOCAL)).id


async def assert_gone(services: Services, run_id: RunId) -> None:
    """Nothing is left of a configuration but its past runs."""
    assert await services.configurations.get(CONFIGURATION) is None
    assert await services.agenda.get(CONFIGURATION) is None
    subscription = f"/subscriptions/{SUBSCRIPTION}"
    assert await list_assignments(services, subscription, caller=LOCAL) == []
    run = await services.runs.get(run_id)
    assert run
    assert run.cancellation
    assert run.cancellation.reason is Reason.CONFIGURATION_GONE


async def test_deletion_takes_assignments_and_cancels_runs(services: Services) -> None:
    run_id = await deletable(services)
    deleted = await delete_configuration(services, CONFIGURATION, caller=LOCAL)
    assert deleted
    assert deleted.document == a_configuration()
    await assert_gone(services, run_id)
    assert await delete_configuration(services, CONFIGURATION, caller=LOCAL) is None


async def test_deletion_that_broke_off_is_finished_later(
    services: Services, clock: MemoryClock
) -> None:
    run_id = await deletable(services)
    stored = await marked(services)
    clock.advance(MINUTE)
    await finish_deletion(services, stored, caller=TIMER)
    await finish_deletion(services, stored, caller=TIMER)
    await assert_gone(services, run_id)


async def marked(services: Services) -> StoredConfiguration:
    """The configuration after a deletion that got no further than its mark."""
    stored = await services.configurations.get(CONFIGURATION)
    assert stored
    return await services.configurations.replace(replace(stored, deleting=True))


async def test_configuration_that_is_being_deleted_is_neither_read_nor_written(
    services: Services,
) -> None:
    await deletable(services)
    await marked(services)
    with pytest.raises(NotFoundError):
        await get_configuration(services, CONFIGURATION, caller=READER)
    assert await list_configurations(services, GROUP, caller=READER) == []
    with pytest.raises(ConflictError):
        await put(services)
    with pytest.raises(NotFoundError) as caught:
        await put_assignment(services, GROUP, name="two", document=a_scope(), caller=LOCAL)
    assert caught.value.target == "properties.maintenanceConfigurationId"


async def test_late_finisher_leaves_a_configuration_that_was_created_anew(
    services: Services,
) -> None:
    await deletable(services)
    stored = await marked(services)
    await finish_deletion(services, stored, caller=LOCAL)
    fresh = await put(services)
    await put_assignment(services, GROUP, name="new", document=a_scope(), caller=LOCAL)
    await finish_deletion(services, stored, caller=TIMER)
    assert await services.configurations.get(CONFIGURATION) == fresh
    assert await services.agenda.get(CONFIGURATION)
    assert await services.assignments.get(GROUP, "new")


async def test_what_was_due_before_a_deletion_is_recorded(
    services: Services, clock: MemoryClock
) -> None:
    await put(services)
    clock.instant = WINDOW_OPENS + MINUTE
    await delete_configuration(services, CONFIGURATION, caller=LOCAL)
    (run,) = [run async for run in services.runs.list(CONFIGURATION)]
    assert run.key == run_key(WINDOW_OPENS)
    assert run.cancellation
    assert run.cancellation.by == LOCAL.name


async def test_document_that_has_become_unreadable_can_be_deleted_and_replaced(
    services: Services,
) -> None:
    stored = await put(services)
    stored = await services.configurations.replace(replace(stored, document={"properties": {}}))
    assert (await put(services)).document == a_configuration()
    stored = await put(services)
    await services.configurations.replace(replace(stored, document={}))
    assert await delete_configuration(services, CONFIGURATION, caller=LOCAL)


async def test_deletion_heeds_the_etag(services: Services) -> None:
    first = await put(services)
    await put(services)
    with pytest.raises(PreconditionFailedError):
        await delete_configuration(
            services, CONFIGURATION, caller=LOCAL, preconditions=Preconditions.only(first.etag)
        )
