"""Reading a token request: a form (RFC 6749, section 4.4) with the client's credentials in it or by Basic."""

import base64
import binascii
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_plus

from services.registry.access.errors import InvalidClient, InvalidRequest, UnsupportedGrantType
from services.registry.access.tokens import ClientRequest, KeyRequest
from shared.credentials import ACCESS_TOKEN_TYPE, TOKEN_EXCHANGE

_MAX_FORM_BYTES = 8192
_MAX_FIELDS = 20
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="feidi", charset="UTF-8"'}


def parse_token_request(body: bytes, authorization: str | None) -> ClientRequest | KeyRequest:
    """Return the request, or raise the refusal RFC 6749 has for it."""
    form = _form(body)
    if "grant_type" not in form:
        raise InvalidRequest("grant_type is required.", "缺少 grant_type。")
    if form["grant_type"] == TOKEN_EXCHANGE:
        return _key_request(form)
    if form["grant_type"] != "client_credentials":
        raise UnsupportedGrantType(
            "Only client_credentials and the exchange of an API key are supported.",
            "仅支持 client_credentials 与 API 密钥换取令牌。",
        )
    client_id, client_secret = _credentials(form, authorization)
    if not _CLIENT_ID.fullmatch(client_id) or not client_secret:
        raise _unidentified()
    return ClientRequest(client_id, client_secret, _scopes(form))


def _key_request(form: Mapping[str, str]) -> KeyRequest:
    if "subject_token" not in form or form.get("subject_token_type") != ACCESS_TOKEN_TYPE:
        raise InvalidRequest(
            f"subject_token and subject_token_type={ACCESS_TOKEN_TYPE} are required.",
            "缺少 subject_token 或其类型不符。",
        )
    return KeyRequest(form["subject_token"], _scopes(form))


def _scopes(form: Mapping[str, str]) -> tuple[str, ...] | None:
    return tuple(form["scope"].split(" ")) if form.get("scope") else None


def _form(body: bytes) -> dict[str, str]:
    if len(body) > _MAX_FORM_BYTES:
        raise InvalidRequest("The form is too long.", "表单过长。")
    try:
        text = body.decode("ascii")
        fields = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise InvalidRequest("The body is not a form in UTF-8.", "请求体不是 UTF-8 表单。") from None
    form = dict(fields)
    if len(form) != len(fields):
        raise InvalidRequest("A parameter is given twice.", "参数重复。")
    return form


def _credentials(form: Mapping[str, str], authorization: str | None) -> tuple[str, str]:
    if authorization is None:
        if "client_id" not in form or "client_secret" not in form:
            raise _unidentified()
        return form["client_id"], form["client_secret"]
    if "client_secret" in form:
        raise InvalidRequest("Send the client's credentials in one way only.", "凭证只能以一种方式提供。")
    client_id, client_secret = _basic(authorization)
    if form.get("client_id", client_id) != client_id:
        raise InvalidRequest("The form names another client.", "表单中的客户端不一致。")
    return client_id, client_secret


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise _unidentified()
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
        client_id, colon, client_secret = text.partition(":")
        if not colon:
            raise ValueError("no colon")
        return unquote_plus(client_id, errors="strict"), unquote_plus(client_secret, errors="strict")
    except (binascii.Error, ValueError):
        raise _unidentified() from None


def _unidentified() -> InvalidClient:
    return InvalidClient(
        "Send the client's id and secret by HTTP Basic or in the form.",
        "请以 HTTP Basic 或表单提供客户端标识与密钥。",
        _CHALLENGE,
    )
