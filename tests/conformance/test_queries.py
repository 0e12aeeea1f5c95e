"""The queries for Resource Graph, held against Microsoft's own parser.

The engine of the local Azure knows more than Resource Graph and forgives more; `@kusto/language-service-next` is what
Azure's portal reads queries with. It is bound to the tables' columns, so unknown names and wrong types show as well.
"""

from tests.kql.parser import judge
from tests.kql.queries import HOSTILE, shapes

BUILDERS = shapes()
# A value goes through one function wherever it stands, so a few shapes say as much as all.
FULLEST = (
    "machines, wanted groups, unwanted locations, a system",
    "installs, next page",
    "updates, next page",
    "missing updates, next page",
)


def test_every_query_is_kql_over_resource_graphs_tables() -> None:
    judgements = judge([build("x") for build in BUILDERS.values()])
    found = {name: one["diagnostics"] for name, one in zip(BUILDERS, judgements, strict=True)}
    assert not any(found.values()), found


def test_hostile_values_stay_inside_their_literals() -> None:
    cases = [(name, value) for name in FULLEST for value in ("x", *HOSTILE)]
    judgements = judge([BUILDERS[name](value) for name, value in cases])
    plain = {
        name: one for (name, value), one in zip(cases, judgements, strict=True) if value == "x"
    }
    for (name, _value), one in zip(cases, judgements, strict=True):
        assert one == plain[name]
        assert one["diagnostics"] == []


def test_the_parser_sees_an_unknown_column_a_wrong_type_and_an_open_quote() -> None:
    wrong = [
        "resources | where nope == 1",
        "resources | where id > 'x'",
        "resources | where id == 'x",
    ]
    assert all(one["diagnostics"] for one in judge(wrong))
