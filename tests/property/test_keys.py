"""Keys and columns: no two ids share a key, no record comes back as another."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared.adapters.storage.codec import LONGEST, from_row, to_row
from shared.adapters.storage.keys import LONGEST as LONGEST_KEY
from shared.adapters.storage.keys import hashed, id_to_key
from shared.application.ports import StoredConfiguration
from shared.domain.machine import MachineType, OsType
from shared.domain.records import Cancellation, Job, Run, RunKind, UpdateCounts
from shared.domain.run import Outcome, Phase, Reason, RunStatus
from shared.errors import InvalidRequestError

UNTIMED = settings(deadline=None)

# What keys are made of: letters in both cases, all that the encoding itself uses, and what Table Storage refuses.
_segments = st.text("aAbBzZ09-_.()=|'% ü3df語🐧\\#?\t\x7fİK", min_size=1, max_size=12)
ids = st.lists(_segments, min_size=1, max_size=6).map(lambda parts: "/" + "/".join(parts))

# --- keys ----------------------------------------------------------------------------------------


@given(ids, ids)
def test_two_ids_share_a_key_only_when_they_differ_by_case_alone(one: str, other: str) -> None:
    assert (id_to_key(one) == id_to_key(other)) == (one.lower() == other.lower())


@given(ids, ids)
def test_key_of_a_prefix_is_the_prefix_of_the_key(scope: str, rest: str) -> None:
    assert id_to_key(scope + rest).startswith(id_to_key(scope) + "|")


@given(ids, ids)
def test_key_begins_with_another_only_when_the_id_does(one: str, scope: str) -> None:
    inside = id_to_key(one).startswith(id_to_key(scope) + "|")
    assert inside == one.lower().startswith(scope.lower() + "/")


@given(st.text(max_size=30).filter(lambda text: text.isprintable()))
def test_key_holds_nothing_that_table_storage_refuses(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9\-_.()|=]*", id_to_key(text))


@given(ids)
def test_slash_at_the_end_makes_no_difference(text: str) -> None:
    assert id_to_key(text + "/") == id_to_key(text)


@pytest.mark.parametrize("letter", ["x", "ü"])
def test_key_of_over_500_characters_is_refused(letter: str) -> None:
    length = len(id_to_key(letter))
    fits = letter * (LONGEST_KEY // length)
    assert len(id_to_key(fits)) <= LONGEST_KEY
    with pytest.raises(InvalidRequestError, match="500"):
        id_to_key(fits + letter)


@given(st.text(), st.text())
def test_hash_of_another_text_is_another_short_key(one: str, other: str) -> None:
    assume(one != other)
    assert hashed(one) != hashed(other)
    assert re.fullmatch(r"[0-9a-f]{32}", hashed(one))


# --- columns -------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
instants = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)).map(  # noqa: DTZ001
    lambda found: found.replace(tzinfo=UTC)
)
durations = st.timedeltas(timedelta(), timedelta(days=2))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(texts, values, max_size=4)

configurations = st.builds(
    StoredConfiguration,
    id=texts,
    document=documents,
    window_since=instants,
    revision=texts,
    created_at=instants,
    created_by=texts,
    modified_at=instants,
    modified_by=texts,
    deleting=st.booleans(),
    etag=texts,
)
runs = st.builds(
    Run,
    configuration_id=texts,
    key=texts,
    kind=st.sampled_from(RunKind),
    starts_at=instants,
    duration=durations,
    created_at=instants,
    created_by=texts,
    document=documents,
    status=st.sampled_from(RunStatus),
    reason=st.none() | st.sampled_from(Reason),
    message=texts,
    target=texts,
    request_id=texts,
    frozen_at=st.none() | instants,
    cancellation=st.none()
    | st.builds(Cancellation, at=instants, by=texts, reason=st.sampled_from(Reason)),
    unresolved_scopes=st.integers(0, 200),
    counts=st.dictionaries(st.sampled_from(Outcome), st.integers(0, 10**6)),
    open_jobs=st.integers(0, 10**6),
    lease=texts,
    leased_until=st.none() | instants,
)
jobs = st.builds(
    Job,
    key=texts,
    machine_id=texts,
    machine_type=st.sampled_from(MachineType),
    subscription=texts,
    os_type=st.none() | st.sampled_from(OsType),
    phase=st.sampled_from(Phase),
    not_before=st.none() | instants,
    claim=texts,
    claimed_until=st.none() | instants,
    held_by=st.none() | st.sampled_from(Reason),
    held_message=texts,
    maximum_duration=st.none() | durations,
    operation=texts,
    adopted=st.booleans(),
    outcome=st.none() | st.sampled_from(Outcome),
    reason=st.none() | st.sampled_from(Reason),
    message=texts,
    counts=st.builds(UpdateCounts, installed=st.integers(0, 9999), failed=st.integers(0, 9999)),
    trace=st.lists(texts, max_size=3).map(tuple),
)


@UNTIMED
@given(st.one_of(configurations, runs, jobs))
def test_record_comes_back_from_its_row_as_it_was(record: StoredConfiguration | Run | Job) -> None:
    row = to_row(record, partition="p", key="k")
    assert from_row(type(record), row) == record
    assert all(len(str(text).encode("utf-16-le")) <= 2 * LONGEST for text in row.values.values())


@given(instants, instants)
def test_instants_sort_as_their_columns_do(one: datetime, other: datetime) -> None:
    def column(at: datetime) -> object:
        run = Run(
            configuration_id="c",
            key="k",
            kind=RunKind.SCHEDULED,
            starts_at=at,
            duration=timedelta(),
            created_at=at,
            created_by="",
        )
        return to_row(run, partition="p", key="k").values["starts_at"]

    assert (one < other) == (str(column(one)) < str(column(other)))


@given(jobs)
def test_row_without_a_reason_reads_as_none_whichever_way_it_is_empty(job: Job) -> None:
    row = to_row(replace(job, reason=None), partition="p", key="k")
    assert "reason" not in row.values
    emptied = replace(row, values={**row.values, "reason": ""})
    assert from_row(Job, emptied) == from_row(Job, row)
