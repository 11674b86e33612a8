"""Bodies nobody should send, and the operations of a contract to send them to."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

CANARY = "zq-canary-7f3a"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Body:
    """Bytes with a content type; every operation must refuse them."""

    content: bytes
    content_type: str | None = JSON


@dataclass(frozen=True)
class BodyOperation:
    """An operation that takes a body, at a path that names records."""

    name: str
    method: str
    path: str
    media_type: str
    sample: dict[str, Any]
    properties: dict[str, dict[str, Any]]
    headers: dict[str, str] = field(default_factory=lambda: {"if-match": '"1"'})


def _json(text: str) -> Body:
    return Body(text.encode("utf-8", "surrogatepass"))


def _in_fields(texts: dict[str, str]) -> dict[str, Body]:
    """Put each JSON value, as text, beside the canary in an object."""
    return {name: _json(f'{{"zq": "{CANARY}", "value": {text}}}') for name, text in texts.items()}


_NUMBERS = {
    "NaN": "NaN",
    "negative NaN": "-NaN",
    "Infinity": "Infinity",
    "negative Infinity": "-Infinity",
    "1e999": "1e999",
    "-1e999": "-1e999",
    "5,000 digits": "9" * 5000,
    "41 digits": "1" * 41,
    "5,000 decimals": "0." + "3" * 5000 + "e400",
    "hexadecimal": "0x1F",
    "octal": "017",
    "plus sign": "+1",
    "no digit before the point": ".5",
    "no digit after the point": "1.",
    "underscore": "1_000",
    "arabic digit": "٣",
    "lone minus": "-",
    "huge exponent": "1e99999999999",
}
_TEXTS = {
    "lone high surrogate": r'"\ud800"',
    "lone low surrogate": r'"\udc00"',
    "surrogates in reverse": r'"\udc00\ud800"',
    "NUL": r'"a\u0000b"',
    "right-to-left override": r'"\u202egpj"',
    "bidi isolate": '"\u2066x\u2069"',
    "raw control character": '"a\x01b"',
    "raw newline": '"a\nb"',
    "escape of no meaning": r'"\x41"',
    "half an escape": r'"\u00"',
    "single quotes": "'a'",
    "no end": '"a',
}
_STRUCTURES = {
    "trailing comma in an array": "[1,]",
    "comment": "1 /* one */",
    "wrong bracket": "[1}",
    "bare word": "undefined",
    "capital true": "True",
    "arrays 33 deep": "[" * 33 + "]" * 33,
    "arrays 10,000 deep": "[" * 10_000 + "]" * 10_000,
    "objects 10,000 deep": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "unclosed arrays 100,000 deep": "[" * 100_000,
    "array of 20,000": "[" + "0," * 19_999 + "0]",
    "object of 20,000": "{" + ",".join(f'"k{n}":0' for n in range(20_000)) + "}",
    "text of 900,000 characters": '"' + "x" * 900_000 + '"',
    "an object": "{}",
}
_WHOLE = {
    "nothing": b"",
    "blanks": b" \r\n\t ",
    "null": b"null",
    "true": b"true",
    "a number": b"0",
    "a text": f'"{CANARY}"'.encode(),
    "an empty array": b"[]",
    "an array of objects": f'[{{"zq": "{CANARY}"}}]'.encode(),
    "two documents": b"{} {}",
    "truncated": f'{{"zq": "{CANARY}"'.encode(),
    "truncated in a key": b'{"zq',
    "trailing garbage": b"{}]",
    "trailing comma": b'{"zq": 1,}',
    "unquoted key": b"{zq: 1}",
    "key without value": b'{"zq"}',
    "duplicate key": f'{{"zq": 1, "zq": "{CANARY}"}}'.encode(),
    "duplicate key by escape": rb'{"zq": 1, "\u007aq": 2}',
    "duplicate key below": b'{"zq": {"a": 1, "a": 2}}',
    "surrogate in a key": rb'{"\ud800": 1}',
    "NUL in a key": rb'{"\u0000": 1}',
    "bidi control in a key": '{"\u202e": 1}'.encode(),
    "prototype": f'{{"__proto__": {{"zq": "{CANARY}"}}, "constructor": 1}}'.encode(),
    "class": b'{"__class__": "x", "model_config": {}}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"zq": 1}'.encode("utf-16"),
    "UTF-16 little-endian": '{"zq": 1}'.encode("utf-16-le"),
    "UTF-32": '{"zq": 1}'.encode("utf-32"),
    "GB18030": '{"zq": "飞地"}'.encode("gb18030"),
    "a byte that is not UTF-8": b'{"zq": "\xff"}',
    "overlong UTF-8": b'{"zq": "\xc0\x80"}',
    "surrogate in UTF-8": b'{"zq": "\xed\xa0\x80"}',
    "zeros": b"\x00" * 64,
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00",
    "too large": b'{"zq": "' + b"x" * 1_048_577 + b'"}',
}
_CONTENT_TYPES = {
    "no content type": None,
    "plain text": "text/plain",
    "XML": "application/xml",
    "multipart": "multipart/form-data; boundary=x",
    "multipart without boundary": "multipart/form-data",
    "JSON misspelt": "application/jsonx",
    "text/json": "text/json",
    "any": "*/*",
    "empty": "",
    "only a parameter": "; charset=utf-8",
    "octets": "application/octet-stream",
    "very long": "application/" + "x" * 5000,
}


def hostile_bodies() -> dict[str, Body]:
    """Return the bodies that no operation accepts, by what is wrong with them."""
    return {
        **_in_fields(_NUMBERS),
        **_in_fields(_TEXTS),
        **_in_fields(_STRUCTURES),
        **{name: Body(content) for name, content in _WHOLE.items()},
        **{
            name: Body(f'{{"zq": "{CANARY}"}}'.encode(), content_type)
            for name, content_type in _CONTENT_TYPES.items()
        },
    }


WRONG_VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "zero": 0,
    "negative": -1,
    "fraction": 0.1,
    "huge": 10**39,
    "2**63": 2**63,
    "minute fraction": 1e-300,
    "huge float": 1e300,
    "empty text": "",
    "blank": " \u3000\u0085",
    "text": CANARY,
    "long text": CANARY * 2000,
    "number as text": "1",
    "number with underscore": "1_000",
    "arabic digits": "٣٣١١٠٠",
    "not a number": "NaN",
    "truth as text": "true",
    "day 0": "2026-00-00",
    "day after year 9999": "10000-01-01",
    "week date": "2026-W01-1",
    "seconds since 1970": "1577836800",
    "beginning of time with offset": "0001-01-01T00:00:00+14:00",
    "end of time with offset": "9999-12-31T23:59:59-14:00",
    "instant without offset": "2026-01-01T00:00:00",
    "leap second": "2016-12-31T23:59:60Z",
    "id of another kind": "org_7zzzzzzzzzzzzzzzzzzzzzzzzz",
    "SQL": f"'; DROP TABLE projects; -- {CANARY}",
    "path": "../../../../etc/passwd",
    "zero-width": "\u200b\u200d",
    "astral": "\U0001f9ea" * 50,
    "combining": "e" + "\u0301" * 150,
    "empty array": [],
    "array of nulls": [None] * 30,
    "array of arrays": [[[]]],
    "the same many times": ["331100"] * 300,
    "empty object": {},
    "object": {"zq": CANARY},
}


def wrong_fields(operation: BodyOperation) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the operation's sample body with one field at a time replaced."""
    for name in operation.properties:
        for reason, value in WRONG_VALUES.items():
            yield f"{name}: {reason}", {**operation.sample, name: value}


def body_operations(contract: dict[str, Any], values: dict[str, list[str]]) -> list[BodyOperation]:
    """Return the operations of a contract that take a body, with path parameters filled in."""
    schemas = contract["components"]["schemas"]
    return [
        _operation(method, path, operation, schemas, values)
        for path, methods in contract["paths"].items()
        for method, operation in methods.items()
        if "requestBody" in operation
    ]


def filled_path(path: str, values: dict[str, list[str]]) -> str:
    for name, known in values.items():
        path = path.replace("{" + name.removeprefix("path.") + "}", known[0])
    return path


def _operation(
    method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any], values: dict[str, list[str]]
) -> BodyOperation:
    ((media_type, media),) = operation["requestBody"]["content"].items()
    schema = schemas.get(media["schema"].get("$ref", "").rpartition("/")[2], media["schema"])
    sample = (schema.get("examples") or [{}])[0]
    name, properties = operation["operationId"], schema.get("properties", {})
    return BodyOperation(name, method.upper(), filled_path(path, values), media_type, sample, properties)


def as_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
