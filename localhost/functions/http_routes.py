"""Find the function for a request path, as the Functions host does.

1. Routes are tried in the order of *function names*, and the first that matches wins: a literal has no precedence over
   a parameter, so a catch-all hides what sorts after it. A wrong method is no match; no match is a 404, never a 405.
2. Literals compare without case; values keep theirs. A slash at the end does not matter.
3. `{x}` takes a segment or a part of one, `{x?}` may be missing at the end, `{*rest}` takes all that follows, slashes
   included. What took nothing is absent from the route's values.
4. Constraints `int`, `long`, `bool`, `alpha` and `guid` are known; others, and default values, are refused by name.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from localhost.functions.function_index import HttpFunction, UnsupportedFunctionError

_PARAMETER = re.compile(
    r"\{(?P<star>\*{0,2})(?P<name>\w+)(?P<constraint>:[^{}]*?)?(?P<optional>\??)\}"
)
_CONSTRAINTS = {
    "": "[^/]+?",
    ":int": "[+-]?[0-9]+",
    ":long": "[+-]?[0-9]+",
    ":bool": "true|false",
    ":alpha": "[a-z]*",
    ":guid": "[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The function that a request goes to, and the values that its route took from the path."""

    function: HttpFunction
    values: Mapping[str, str]


class RouteTable:
    """The routes of an app below *prefix* (`routePrefix` of host.json, without slashes around it)."""

    def __init__(self, functions: Iterable[HttpFunction], *, prefix: str) -> None:
        in_order = sorted(functions, key=lambda function: function.handler.name)
        self._routes = [(_compile(each, prefix=prefix), each) for each in in_order]

    def find(self, method: str, *, raw_path: str) -> Match | None:
        """The first function for *method* and the percent-encoded *raw_path*; None is a 404."""
        path = _decode(raw_path)
        for pattern, function in self._routes:
            if function.methods and method.upper() not in function.methods:
                continue
            if found := pattern.fullmatch(path):
                values = {name: value for name, value in found.groupdict().items() if value}
                return Match(function=function, values=values)
        return None


def _decode(raw_path: str) -> str:
    # The host's web server decodes all but the slash: an encoded one stays inside its segment.
    parts = re.split("(%2f)", raw_path, flags=re.IGNORECASE)
    return "".join(part if part.lower() == "%2f" else unquote(part) for part in parts)


def _compile(function: HttpFunction, *, prefix: str) -> re.Pattern[str]:
    template = f"{prefix}/{function.route.strip('/')}".strip("/")
    segments = template.split("/") if template else []
    name = function.handler.name
    pattern = "".join(
        _segment(segment, is_last=position == len(segments), function=name)
        for position, segment in enumerate(segments, start=1)
    )
    return re.compile(pattern + "/?", re.IGNORECASE | re.DOTALL)


def _segment(segment: str, *, is_last: bool, function: str) -> str:
    whole = _PARAMETER.fullmatch(segment)
    if whole and whole["star"] and is_last and not whole["constraint"]:
        return f"(?:/(?P<{whole['name']}>.*))?"
    if whole and whole["optional"] and is_last:
        return f"(?:/{_group(whole, function=function)})?"
    pattern, position = "/", 0
    for parameter in _PARAMETER.finditer(segment):
        if parameter["star"] or parameter["optional"]:
            raise _unsupported(segment, function=function)
        pattern += _literal(segment[position : parameter.start()], function=function)
        pattern += _group(parameter, function=function)
        position = parameter.end()
    return pattern + _literal(segment[position:], function=function)


def _group(parameter: re.Match[str], *, function: str) -> str:
    constraint = parameter["constraint"] or ""
    if constraint.lower() not in _CONSTRAINTS:
        raise _unsupported(parameter[0], function=function)
    return f"(?P<{parameter['name']}>{_CONSTRAINTS[constraint.lower()]})"


def _literal(text: str, *, function: str) -> str:
    if "{" in text or "}" in text:
        raise _unsupported(text, function=function)
    return re.escape(text)


def _unsupported(text: str, *, function: str) -> UnsupportedFunctionError:
    return UnsupportedFunctionError(f"the route of {function}: {text!r} is not supported here")
