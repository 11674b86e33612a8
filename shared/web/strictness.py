"""What the framework would let through: loose JSON, unknown query parameters, wrong content types.

``StrictRoute`` reads a JSON body once, strictly (UTF-8, no NaN or Infinity, no duplicate keys, no lone
surrogates, bounded depth and size), and hands the parsed value to FastAPI.
"""

import json
import math
from collections.abc import Callable, Coroutine
from difflib import get_close_matches
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.routing import Match
from starlette.types import Scope

from shared.db.keyset import bad_parameter
from shared.errors import Unprocessable
from shared.web.problems import error_from_status

MAX_DEPTH = 32
MAX_NODES = 10_000

_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class MalformedBody(Unprocessable):
    """The body is not JSON as this API reads it."""

    code = "malformed_json"
    title_en = "The body is not valid JSON"
    title_zh = "请求体不是有效的 JSON"


def parse_json(raw: bytes) -> Any:
    """Parse JSON strictly; raise ``MalformedBody`` with the reason and never the content."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedBody("The body is not UTF-8.", "请求体不是 UTF-8 编码。") from None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_bounded,
        )
    except RecursionError:
        raise MalformedBody(
            f"The body is nested deeper than {MAX_DEPTH} levels.", "请求体嵌套过深。"
        ) from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedBody(f"The body is not JSON: {place}.", f"请求体不是 JSON：{place}。") from None
    _check(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise MalformedBody("The body has a duplicate key.", "请求体包含重复的键。")
    return result


def _no_constant(_name: str) -> Any:
    raise MalformedBody("The body contains NaN or Infinity.", "请求体包含 NaN 或 Infinity。")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_constant(text)


def _bounded(text: str) -> int:
    if len(text) > 40:
        raise MalformedBody("The body contains a number with too many digits.", "请求体中的数字位数过多。")
    return int(text)


def _check(value: Any) -> None:
    level, depth, nodes = [value], 0, 0
    while level:
        depth, nodes = depth + 1, nodes + len(level)
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            raise MalformedBody("The body is too deep or has too many values.", "请求体嵌套过深或值过多。")
        following: list[Any] = []
        for entry in level:
            if isinstance(entry, str):
                _check_text(entry)
            elif isinstance(entry, dict):
                for key in entry:
                    _check_text(key)
                following.extend(entry.values())
            elif isinstance(entry, list):
                following.extend(entry)
        level = following


def _check_text(text: str) -> None:
    if text.isascii() and "\x00" not in text:
        return
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise MalformedBody("A text contains NUL or a lone surrogate.", "文本包含 NUL 或孤立代理字符。")
    if not _BIDI_CONTROLS.isdisjoint(text):
        raise MalformedBody("A text contains bidirectional control characters.", "文本包含双向控制字符。")


class StrictRoute(APIRoute):
    """A route that refuses unknown query parameters, wrong content types and loose JSON."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match, unless a colon would become part of an identifier: it begins the name of an action."""
        match, found = super().matches(scope)
        if match is not Match.NONE and ":" in scope["path"]:
            values = found.get("path_params", {}).values()
            if any(isinstance(value, str) and ":" in value for value in values):
                return Match.NONE, {}
        return match, found

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler with the checks."""
        handler = super().get_route_handler()
        known = _query_names(self.dependant)
        checks_query = not (self.openapi_extra or {}).get("x-list")
        takes_json = self.body_field is not None
        takes_form = takes_json and "form" in type(self.body_field.field_info).__name__.lower()  # type: ignore[union-attr]
        body_model = self.body_field.field_info.annotation if self.body_field else None

        async def strict(request: Request) -> Response:
            if checks_query and request.scope["query_string"]:
                _refuse_unknown(request, known)
            if takes_json and not takes_form:
                await _read_json(request)
            try:
                return await handler(request)
            except RequestValidationError as error:
                raise _with_suggestions(error, body_model) from None

        return strict


def _query_names(dependant: Dependant) -> set[str]:
    names = {field.alias for field in dependant.query_params}
    return names.union(*map(_query_names, dependant.dependencies))


def _refuse_unknown(request: Request, known: set[str]) -> None:
    seen: set[str] = set()
    for name, value in request.query_params.multi_items():
        if name not in known:
            raise bad_parameter(name, "unknown_parameter", "is not known here", "未知")
        if "\x00" in value:
            raise bad_parameter(name, "invalid_value", "contains NUL", "包含 NUL")
        if name in seen:
            raise bad_parameter(name, "duplicate_parameter", "is given twice", "重复")
        seen.add(name)


async def _read_json(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise error_from_status(415, {"Accept": "application/json"})
    raw = await request.body()
    if raw:
        request._json = parse_json(raw)


def _with_suggestions(error: RequestValidationError, model: Any) -> RequestValidationError:
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return error
    entries = [dict(entry) for entry in error.errors()]
    for entry in entries:
        if entry["type"] == "extra_forbidden":
            close = get_close_matches(str(entry["loc"][-1])[:100], list(model.model_fields), n=1)
            entry["did_you_mean"] = close[0] if close else None
    return RequestValidationError(entries)
