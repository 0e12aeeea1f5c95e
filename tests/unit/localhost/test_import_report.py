"""The table at the end of an import."""

from localhost.import_servers.report import Result, State, table


def test_one_line_for_each_host_failures_last_then_the_counts() -> None:
    results = [
        Result(state=State.FAILED, name="b", message="Why."),
        Result(state=State.LEFT_OUT, name="printer", message="It is one."),
        Result(state=State.REGISTERED, name="c"),
        Result(state=State.REGISTERED, name="A"),
    ]
    assert table(results).splitlines() == [
        "registered  A",
        "registered  c",
        "left out    printer  It is one.",
        "failed      b        Why.",
        "4 hosts: 2 registered, 1 left out, 1 failed.",
    ]


def test_terminal_is_told_nothing_by_a_name_or_a_message() -> None:
    results = [Result(state=State.FAILED, name="a\x1b[2Jb", message="one\ntwo\u202e")]
    assert table(results).splitlines()[0] == "failed      a?[2Jb  one?two?"
