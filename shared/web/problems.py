"""Every refusal as RFC 9457 ``application/problem+json``, in Chinese or English, from every layer."""

import json
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.routing import Route

from shared.context import request_context
from shared.errors import DomainError, FieldError, Unavailable
from shared.logging import get_logger

_log = get_logger(__name__)

PROBLEM_TYPE = "application/problem+json"

MAX_INSTANCE = 300

STATUS_PROBLEMS = {
    400: ("bad_request", "Bad request", "请求有误"),
    404: ("not_found", "Not found", "未找到"),
    405: ("method_not_allowed", "Method not allowed", "不支持该方法"),
    408: ("request_timeout", "The request did not arrive in time", "请求未及时到达"),
    413: ("body_too_large", "The body is too large", "请求体过大"),
    414: ("uri_too_long", "The address is too long", "地址过长"),
    415: ("unsupported_media_type", "Unsupported media type", "不支持的内容类型"),
    431: ("headers_too_large", "The headers are too large", "请求头过大"),
    500: ("internal_error", "Internal error", "内部错误"),
}

_VALIDATION_TEXTS = {
    "missing": ("is required", "必填"),
    "extra_forbidden": ("is not a known field", "未知字段"),
    "json_invalid": ("is not valid JSON", "不是有效的 JSON"),
    "not_together": ("has fields that do not go together", "字段不能同时使用"),
}


def language_of(accept_language: str | None) -> str:
    """Return ``zh`` or ``en``, whichever the header prefers; English when it says nothing usable."""
    best, weight = "en", 0.0
    for part in (accept_language or "")[:200].split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            value = float(quality or 1)
        except ValueError:
            continue
        primary = tag.split("-")[0].lower()
        if primary in ("zh", "en") and value > weight:
            best, weight = primary, value
    return best


def problem_document(error: DomainError, *, instance: str, language: str) -> dict[str, Any]:
    """Return the problem document of an error."""
    chinese = language == "zh"
    title = error.title_zh if chinese else error.title_en
    context = request_context.get()
    document: dict[str, Any] = {
        "type": f"/v1/problems#{error.code}",
        "title": title,
        "status": error.status,
        "detail": (error.detail_zh if chinese else error.detail_en) or title,
        "instance": instance[:MAX_INSTANCE],
        "code": error.code,
        "request_id": context.request_id if context else "",
        "errors": [_field_error(entry, chinese) for entry in error.errors],
    }
    return document | error.extra


def _field_error(entry: FieldError, chinese: bool) -> dict[str, Any]:
    place = {
        key: value for key in ("pointer", "parameter", "header") if (value := getattr(entry, key)) is not None
    }
    detail = entry.detail_zh if chinese else entry.detail_en
    return {**place, "code": entry.code, "detail": detail, "params": entry.params}


def problem_response(error: DomainError, *, instance: str, accept_language: str | None = None) -> Response:
    """Render an error."""
    language = language_of(accept_language)
    document = problem_document(error, instance=instance, language=language)
    headers = {
        "Cache-Control": "no-store",
        "Content-Language": "zh-CN" if language == "zh" else "en",
        **error.headers,
    }
    body = json.dumps(document, ensure_ascii=False, default=str).encode("utf-8", "replace")
    return Response(body, error.status, headers, PROBLEM_TYPE)


def error_from_status(status: int, headers: dict[str, str] | None = None) -> DomainError:
    """Return the error that stands for a bare HTTP status."""
    phrase = HTTPStatus(status).phrase
    code, title_en, title_zh = STATUS_PROBLEMS.get(status, (f"http_{status}", phrase, phrase))
    kind = type(
        "StatusError",
        (DomainError,),
        {"code": code, "status": status, "title_en": title_en, "title_zh": title_zh},
    )
    error: DomainError = kind(headers=headers)
    return error


def validation_error(entries: list[dict[str, Any]]) -> DomainError:
    """Turn pydantic's entries into one error: 422 for the body, 400 for parameters. Values are dropped."""
    in_body = any(entry["loc"] and entry["loc"][0] == "body" for entry in entries)
    errors = [_entry_error(entry) for entry in entries[:50]]
    code = "invalid_parameter"
    if in_body:
        all_unknown = all(entry["type"] == "extra_forbidden" for entry in entries)
        code = "unknown_field" if all_unknown else "validation_failed"
    titles = (
        ("The request body is not valid", "请求内容无效") if in_body else ("Invalid parameter", "参数无效")
    )
    attributes = {
        "code": code,
        "status": 422 if in_body else 400,
        "title_en": titles[0],
        "title_zh": titles[1],
    }
    error: DomainError = type("ValidationProblem", (DomainError,), attributes)(errors=errors)
    return error


def _entry_error(entry: dict[str, Any]) -> FieldError:
    kind = str(entry["type"])
    english, chinese = _VALIDATION_TEXTS.get(kind, (_safe_message(entry), "取值无效"))
    code = {"extra_forbidden": "unknown_field", "missing": "missing_field"}.get(kind, kind)
    place, *path = [str(step) for step in entry["loc"]] or ["body"]
    params = {
        k: v for k, v in (entry.get("ctx") or {}).items() if isinstance(v, int | float) and k != "error"
    }
    if "did_you_mean" in entry:
        params = {"did_you_mean": entry["did_you_mean"]}
    if place == "body":
        escaped = "".join("/" + step[:100].replace("~", "~0").replace("/", "~1") for step in path)
        return FieldError(code, english, chinese, pointer=escaped, params=params)
    if place == "header":
        return FieldError(code, english, chinese, header=".".join(path), params=params)
    return FieldError(code, english, chinese, parameter=".".join(path)[:60], params=params)


def _safe_message(entry: dict[str, Any]) -> str:
    """Return pydantic's message for the types whose message never contains the submitted value."""
    if entry["type"] in ("value_error", "assertion_error"):
        return str((entry.get("ctx") or {}).get("error", "is not valid"))[:200]
    message = str(entry.get("msg", "is not valid"))
    return message if len(message) <= 200 else "is not valid"


async def _on_domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    return _respond(request, error)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _respond(request, validation_error(list(error.errors())))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed_methods(request))
    return _respond(request, error_from_status(error.status_code, headers))


async def _on_full_pool(request: Request, error: Exception) -> Response:
    _log.warning("no_connection_free", reason=type(error).__name__)
    return _respond(request, Unavailable(headers={"Retry-After": "2"}))


def _allowed_methods(request: Request) -> list[str]:
    """Return the methods of all routes on this path; the router itself names only the first route's.

    The path of an action, ``/x/{id}:verb``, also looks like an item's: the longest literal end decides.
    """
    path = request.scope["path"]
    routes = (route for route in request.app.router.routes if isinstance(route, Route))
    ends: dict[int, set[str]] = {}
    for route in routes:
        if route.path_regex.match(path):
            ends.setdefault(len(route.path_format.rpartition("}")[2]), set()).update(route.methods or ())
    return sorted(ends[max(ends)]) if ends else []


def _respond(request: Request, error: DomainError) -> Response:
    return problem_response(
        error, instance=request.url.path, accept_language=request.headers.get("accept-language")
    )


def install_problem_handlers(app: FastAPI) -> None:
    """Render every refusal as a problem document; what nobody foresaw is the middleware's."""
    app.add_exception_handler(DomainError, _on_domain_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(PoolTimeoutError, _on_full_pool)
