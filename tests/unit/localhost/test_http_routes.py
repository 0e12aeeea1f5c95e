import pytest

from localhost.functions.function_index import Handler, HttpFunction, UnsupportedFunctionError
from localhost.functions.http_routes import RouteTable


def _function(name: str, route: str, *methods: str) -> HttpFunction:
    handler = Handler(name=name, parameter="req", code=print)
    return HttpFunction(handler=handler, route=route, methods=frozenset(methods))


def _find(table: RouteTable, path: str, method: str = "GET") -> tuple[str, dict[str, str]] | None:
    match = table.find(method, raw_path=path)
    return None if match is None else (match.function.handler.name, dict(match.values))


def test_routes_are_tried_in_the_order_of_function_names_not_of_registration() -> None:
    table = RouteTable([_function("zz", "a/b"), _function("arm", "{*rest}")], prefix="")
    assert _find(table, "/a/b") == ("arm", {"rest": "a/b"})


def test_a_literal_has_no_precedence_over_a_parameter() -> None:
    table = RouteTable([_function("b", "things/list"), _function("a", "things/{id}")], prefix="")
    assert _find(table, "/things/list") == ("a", {"id": "list"})


def test_a_wrong_method_is_no_match_and_the_next_route_is_tried() -> None:
    table = RouteTable([_function("a", "x", "PUT"), _function("b", "x", "POST")], prefix="")
    assert _find(table, "/x", "POST") == ("b", {})
    assert _find(table, "/x", "GET") is None


def test_a_route_without_methods_takes_all_of_them() -> None:
    table = RouteTable([_function("a", "x")], prefix="")
    assert _find(table, "/x", "PATCH") == ("a", {})


@pytest.mark.parametrize(
    ("route", "path", "values"),
    [
        pytest.param("Things/List", "/tHINGS/lIST", {}, id="literals without case"),
        pytest.param("t/{name}", "/T/MyName", {"name": "MyName"}, id="values keep theirs"),
        pytest.param("t/{name}", "/t/a%20b%C3%A9", {"name": "a bé"}, id="decoded value"),
        pytest.param("t/{name}", "/t/a%2Fb", {"name": "a%2Fb"}, id="encoded slash stays"),
        pytest.param("t/{name}", "/t/a/", {"name": "a"}, id="slash at the end"),
        pytest.param("t/{name}", "/t", None, id="required parameter missing"),
        pytest.param("t/{name}", "/t/a/b", None, id="too many segments"),
        pytest.param("t/{name?}", "/t", {}, id="optional parameter absent"),
        pytest.param("t/{name?}", "/t/a", {"name": "a"}, id="optional parameter present"),
        pytest.param("t/{*rest}", "/t", {}, id="catch-all absent"),
        pytest.param("t/{*rest}", "/t/a/b", {"rest": "a/b"}, id="catch-all with slashes"),
        pytest.param("{*rest}", "/", {}, id="catch-all at the root"),
        pytest.param("t/{*rest}", "/tea", None, id="another literal"),
        pytest.param("v{a}.{b}", "/v1.2", {"a": "1", "b": "2"}, id="two in one segment"),
        pytest.param("t.x", "/tax", None, id="a dot is a dot"),
        pytest.param("t/{n:int}", "/t/-12", {"n": "-12"}, id="int"),
        pytest.param("t/{n:int}", "/t/a", None, id="not an int"),
        pytest.param("t/{n:int?}", "/t", {}, id="optional int"),
        pytest.param("t/{b:bool}", "/t/True", {"b": "True"}, id="bool"),
        pytest.param("t/{a:alpha}", "/t/a1", None, id="not alpha"),
        pytest.param(
            "t/{g:guid}",
            "/t/01234567-89ab-cdef-0123-456789ABCDEF",
            {"g": "01234567-89ab-cdef-0123-456789ABCDEF"},
            id="guid",
        ),
    ],
)
def test_what_a_route_takes_from_a_path(
    route: str, path: str, values: dict[str, str] | None
) -> None:
    table = RouteTable([_function("f", route)], prefix="")
    assert _find(table, path) == (None if values is None else ("f", values))


@pytest.mark.parametrize(
    ("prefix", "path"),
    [
        pytest.param("api", "/api/x", id="default"),
        pytest.param("", "/x", id="empty"),
        pytest.param("a/b", "/a/b/x", id="two segments"),
    ],
)
def test_the_prefix_of_host_json_stands_before_every_route(prefix: str, path: str) -> None:
    table = RouteTable([_function("f", "/x")], prefix=prefix)
    assert _find(table, path) == ("f", {})
    assert _find(table, "/other/x") is None


@pytest.mark.parametrize(
    "route",
    [
        pytest.param("{n:range(1,2)}", id="unknown constraint"),
        pytest.param("{n=1}", id="default value"),
        pytest.param("{n?}/x", id="optional in the middle"),
        pytest.param("{*rest}/x", id="catch-all in the middle"),
    ],
)
def test_an_unknown_template_is_refused_by_the_name_of_its_function(route: str) -> None:
    with pytest.raises(UnsupportedFunctionError, match="route of f"):
        RouteTable([_function("f", route)], prefix="")
