"""Rows: the same promises from a dictionary and from Table Storage."""

import pytest

from shared.adapters.storage.rows import (
    BATCH,
    KEY,
    PARTITION,
    Condition,
    Operator,
    Row,
    Rows,
    Value,
    Verb,
    Write,
    in_partition,
    starting_with,
)
from shared.application.ports import StaleError

TABLE = "Things"


def a_row(key: str = "k", *, partition: str = "p", etag: str = "", **values: Value) -> Row:
    return Row(partition=partition, key=key, values=values, etag=etag)


async def put(rows: Rows, verb: Verb, row: Row) -> str:
    return await rows.write(TABLE, Write(verb=verb, row=row))


async def value_of(rows: Rows, key: str = "k") -> dict[str, Value] | None:
    """The columns of a row, without those that an adapter keeps for itself."""
    row = await rows.get(TABLE, "p", key)
    return None if row is None else {k: v for k, v in row.values.items() if k != "stamp"}


async def keys(rows: Rows, *where: Condition) -> list[str]:
    return [row.key async for row in rows.query(TABLE, where)]


# --- writing -------------------------------------------------------------------------------------


async def test_row_that_was_never_written_is_none(rows: Rows) -> None:
    assert await rows.get(TABLE, "p", "k") is None


async def test_inserted_row_is_read_back_with_the_etag_of_its_writing(rows: Rows) -> None:
    etag = await put(rows, Verb.INSERT, a_row(a="x", b=7, c=1.5, d=True))
    row = await rows.get(TABLE, "p", "k")
    assert row is not None
    assert (row.partition, row.key, row.etag) == ("p", "k", etag)
    assert await value_of(rows) == {"a": "x", "b": 7, "c": 1.5, "d": True}


async def test_second_insert_loses_and_changes_nothing(rows: Rows) -> None:
    await put(rows, Verb.INSERT, a_row(a="first"))
    with pytest.raises(StaleError):
        await put(rows, Verb.INSERT, a_row(a="second"))
    assert await value_of(rows) == {"a": "first"}


async def test_replace_without_an_etag_writes_whatever_is_there(rows: Rows) -> None:
    await put(rows, Verb.REPLACE, a_row(a="first", b="old"))
    await put(rows, Verb.REPLACE, a_row(a="second"))
    assert await value_of(rows) == {"a": "second"}


async def test_merge_keeps_the_columns_that_it_does_not_name(rows: Rows) -> None:
    await put(rows, Verb.MERGE, a_row(a="first", b="old"))
    await put(rows, Verb.MERGE, a_row(a="second"))
    assert await value_of(rows) == {"a": "second", "b": "old"}


@pytest.mark.parametrize("verb", [Verb.REPLACE, Verb.MERGE, Verb.DELETE])
async def test_conditional_write_wins_with_the_present_etag_only(rows: Rows, verb: Verb) -> None:
    old = await put(rows, Verb.INSERT, a_row(a="first"))
    new = await put(rows, Verb.REPLACE, a_row(a="second"))
    assert old != new
    with pytest.raises(StaleError):
        await put(rows, verb, a_row(a="third", etag=old))
    assert await value_of(rows) == {"a": "second"}
    await put(rows, verb, a_row(a="third", etag=new))
    assert await value_of(rows) == (None if verb is Verb.DELETE else {"a": "third"})


@pytest.mark.parametrize("verb", [Verb.REPLACE, Verb.MERGE])
async def test_conditional_write_of_a_row_that_went_loses(rows: Rows, verb: Verb) -> None:
    etag = await put(rows, Verb.INSERT, a_row(a="x"))
    await put(rows, Verb.DELETE, a_row())
    with pytest.raises(StaleError):
        await put(rows, verb, a_row(a="y", etag=etag))
    assert await value_of(rows) is None


async def test_deleting_what_is_gone_is_no_error(rows: Rows) -> None:
    etag = await put(rows, Verb.INSERT, a_row())
    assert await put(rows, Verb.DELETE, a_row(etag=etag)) == ""
    assert await put(rows, Verb.DELETE, a_row(etag=etag)) == ""
    assert await put(rows, Verb.DELETE, a_row()) == ""


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("it's 'quoted' \"twice\"", id="quotes"),
        pytest.param("Zürich 東京 🐧 \u202e", id="unicode"),
        pytest.param(" a\tb\r\nc\x00d ", id="white space and control characters"),
        pytest.param("2026-06-02T02:00:00.000000Z", id="what looks like an instant"),
        pytest.param("x" * 32_000, id="32,000 characters"),
        pytest.param("語" * 32_000, id="32,000 characters of three bytes"),
        pytest.param(-(2**31), id="the least integer"),
        pytest.param(2**31 - 1, id="the greatest integer"),
        pytest.param(0, id="zero"),
        pytest.param(False, id="false"),
        pytest.param(0.1, id="a fraction"),
    ],
)
async def test_value_comes_back_as_it_was(rows: Rows, value: Value) -> None:
    await put(rows, Verb.INSERT, a_row(a=value))
    found = await value_of(rows)
    assert found is not None
    assert found["a"] == value
    assert type(found["a"]) is type(value)


# --- transactions --------------------------------------------------------------------------------


async def test_transaction_writes_all_and_answers_with_their_etags(rows: Rows) -> None:
    etag = await put(rows, Verb.INSERT, a_row("merged", a="x"))
    await put(rows, Verb.INSERT, a_row("deleted"))
    etags = await rows.transact(
        TABLE,
        [
            Write(verb=Verb.INSERT, row=a_row("inserted", a="i")),
            Write(verb=Verb.MERGE, row=a_row("merged", b="m", etag=etag)),
            Write(verb=Verb.REPLACE, row=a_row("replaced", a="r")),
            Write(verb=Verb.DELETE, row=a_row("deleted")),
        ],
    )
    read = [await rows.get(TABLE, "p", key) for key in ("inserted", "merged", "replaced")]
    assert etags == [*(row.etag if row else None for row in read), ""]
    assert await value_of(rows, "merged") == {"a": "x", "b": "m"}
    assert await value_of(rows, "deleted") is None


@pytest.mark.parametrize(
    "loser",
    [
        pytest.param(Write(verb=Verb.INSERT, row=a_row("there")), id="an insert"),
        pytest.param(Write(verb=Verb.MERGE, row=a_row("there", etag='W/"0"')), id="a stale merge"),
        pytest.param(
            Write(verb=Verb.DELETE, row=a_row("there", etag='W/"0"')), id="a stale delete"
        ),
        pytest.param(Write(verb=Verb.REPLACE, row=a_row("gone", etag='W/"0"')), id="a row gone"),
    ],
)
async def test_transaction_with_one_loser_changes_nothing(rows: Rows, loser: Write) -> None:
    await put(rows, Verb.INSERT, a_row("there", a="old"))
    winner = Write(verb=Verb.INSERT, row=a_row("new"))
    with pytest.raises(StaleError):
        await rows.transact(TABLE, [winner, loser])
    assert await keys(rows) == ["there"]
    assert await value_of(rows, "there") == {"a": "old"}


async def test_transaction_takes_a_hundred_writes(rows: Rows) -> None:
    writes = [Write(verb=Verb.INSERT, row=a_row(f"{n:03}")) for n in range(BATCH)]
    assert len(set(await rows.transact(TABLE, writes))) > 0
    assert len(await keys(rows)) == BATCH


@pytest.mark.parametrize(
    "writes",
    [
        pytest.param([a_row(f"{n:03}") for n in range(BATCH + 1)], id="more than a hundred"),
        pytest.param([a_row("a"), a_row("a")], id="one row twice"),
        pytest.param([a_row("a"), a_row("b", partition="q")], id="two partitions"),
    ],
)
async def test_transaction_that_storage_refuses_is_a_mistake_of_the_caller(
    rows: Rows, writes: list[Row]
) -> None:
    with pytest.raises(ValueError, match="transaction"):
        await rows.transact(TABLE, [Write(verb=Verb.INSERT, row=row) for row in writes])
    assert await keys(rows) == []


# --- reading -------------------------------------------------------------------------------------


async def test_query_goes_by_partition_and_key(rows: Rows) -> None:
    for partition, key in [("q", "a"), ("p", "b"), ("p", "a"), ("o", "z")]:
        await put(rows, Verb.INSERT, a_row(key, partition=partition))
    found = [(row.partition, row.key) async for row in rows.query(TABLE, ())]
    assert found == [("o", "z"), ("p", "a"), ("p", "b"), ("q", "a")]


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (Operator.EQ, ["b"]),
        (Operator.NE, ["a", "c"]),
        (Operator.GE, ["b", "c"]),
        (Operator.GT, ["c"]),
        (Operator.LE, ["a", "b"]),
        (Operator.LT, ["a"]),
    ],
)
@pytest.mark.parametrize("column", ["text", "number", KEY])
async def test_condition_compares_and_a_row_without_the_column_never_meets_it(
    rows: Rows, operator: Operator, expected: list[str], column: str
) -> None:
    for number, key in enumerate("abc"):
        await put(rows, Verb.INSERT, a_row(key, text=key, number=number))
    if column != KEY:
        await put(rows, Verb.INSERT, a_row("without"))
    value: Value = 1 if column == "number" else "b"
    condition = Condition(column=column, operator=operator, value=value)
    assert await keys(rows, *in_partition("p"), condition) == expected


@pytest.mark.parametrize("value", ["it's", "a''b", "' or PartitionKey ne '", "ü🐧", "a%27b+c"])
async def test_condition_takes_hostile_text_literally(rows: Rows, value: str) -> None:
    await put(rows, Verb.INSERT, a_row("hostile", a=value))
    await put(rows, Verb.INSERT, a_row("other", a="x"))
    condition = Condition(column="a", operator=Operator.EQ, value=value)
    assert await keys(rows, condition) == ["hostile"]


async def test_condition_on_truth_tells_true_from_false(rows: Rows) -> None:
    await put(rows, Verb.INSERT, a_row("yes", a=True))
    await put(rows, Verb.INSERT, a_row("no", a=False))
    assert await keys(rows, Condition(column="a", operator=Operator.EQ, value=True)) == ["yes"]


async def test_select_brings_the_named_columns_and_the_etag(rows: Rows) -> None:
    etag = await put(rows, Verb.INSERT, a_row(a="x", b="y"))
    (row,) = [row async for row in rows.query(TABLE, in_partition("p"), select=["a", "absent"])]
    assert (dict(row.values), row.key, row.etag) == ({"a": "x"}, "k", etag)


async def test_prefix_finds_what_begins_with_it_and_nothing_else(rows: Rows) -> None:
    for partition in ("a", "a|", "a|b", "a|b|c", "a}", "ab"):
        await put(rows, Verb.INSERT, a_row(partition=partition))
    found = [row.partition async for row in rows.query(TABLE, starting_with(PARTITION, "a|"))]
    assert found == ["a|", "a|b", "a|b|c"]


async def test_more_than_a_thousand_rows_come_over_several_pages(rows: Rows) -> None:
    names = [f"{n:04}" for n in range(1050)]
    for at in range(0, len(names), BATCH):
        some = names[at : at + BATCH]
        await rows.transact(TABLE, [Write(verb=Verb.INSERT, row=a_row(name)) for name in some])
    assert await keys(rows, *in_partition("p")) == names
