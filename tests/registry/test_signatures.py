import base64
import hashlib
import hmac
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from services.registry.signatures.standard_webhooks import (
    Verdict,
    key_of,
    new_secret,
    secret_of,
    sign,
    verify,
)
from shared.sealing import Sealer, Unsealable

KEY = bytes(range(32))
ID = "evt_01jd3v9w8xk4m7q2r5t6y8z0ab"
BODY = b'{"id":"evt_01jd3v9w8xk4m7q2r5t6y8z0ab","type":"registry.entry.updated"}'
SENT_AT = 1795399445
GOLDEN = "v1,QmM4DsHLBB5aN5UMtzAhdhiCVbPMjCucFmlfLfVaCKw="
NOON = datetime.fromtimestamp(SENT_AT, UTC)


def headers(signature: str, timestamp: object = SENT_AT, message_id: str = ID) -> dict[str, str]:
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": signature}


def test_the_golden_vector() -> None:
    assert sign([KEY], ID, SENT_AT, BODY) == GOLDEN
    assert verify(headers(GOLDEN), BODY, [KEY], NOON) is Verdict.VALID
    content = f"{ID}.{SENT_AT}.".encode() + BODY
    assert "v1," + base64.b64encode(hmac.new(KEY, content, hashlib.sha256).digest()).decode() == GOLDEN


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai"])
def test_the_reference_library_accepts_what_is_signed_in_any_time_zone(zone: str) -> None:
    program = (
        "import time; from standardwebhooks import Webhook; from shared import clock;"
        "from services.registry.signatures.standard_webhooks import new_secret, key_of, sign;"
        'secret = new_secret(); body = \'{"name":"飞地"}\'.encode(); at = int(clock.now().timestamp());'
        "headers = {'webhook-id': 'evt_1', 'webhook-timestamp': str(at),"
        "           'webhook-signature': sign([key_of(secret)], 'evt_1', at, body)};"
        "print(Webhook(secret).verify(body, headers)['name'], time.tzname[0])"
    )
    environment = {**os.environ, "TZ": zone, "PYTHONIOENCODING": "utf-8"}
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert run.stdout.split() == ["飞地", "CST" if zone == "Asia/Shanghai" else "UTC"], run.stderr


@given(key=st.binary(min_size=24, max_size=64), body=st.binary(max_size=200), other=st.binary(max_size=200))
def test_a_signature_fits_its_body_and_key_alone(key: bytes, body: bytes, other: bytes) -> None:
    signed = headers(sign([key], ID, SENT_AT, body))
    assert verify(signed, body, [key], NOON) is Verdict.VALID
    expected = Verdict.VALID if other == body else Verdict.WRONG_KEY
    assert verify(signed, other, [key], NOON) is expected
    assert verify(signed, body, [key + b"x"], NOON) is Verdict.WRONG_KEY
    assert key_of(secret_of(key)) == key


def test_any_live_key_is_enough_and_ed25519_too() -> None:
    private_key = Ed25519PrivateKey.generate()
    both = sign([b"n" * 32, KEY], ID, SENT_AT, BODY, private_key)
    assert [part[:3] for part in both.split(" ")] == ["v1,", "v1,", "v1a"]
    assert verify(headers(both), BODY, [KEY], NOON) is Verdict.VALID
    assert verify(headers(both), BODY, [b"x" * 32, b"n" * 32], NOON) is Verdict.VALID
    assert verify(headers(both), BODY, [], NOON, [private_key.public_key()]) is Verdict.VALID
    assert verify(headers(both), BODY + b" ", [], NOON, [private_key.public_key()]) is Verdict.WRONG_KEY
    # A version of the future beside a known one is no reason to refuse.
    assert verify(headers(f"v9,AAAA {GOLDEN}"), BODY, [KEY], NOON) is Verdict.VALID


@pytest.mark.parametrize("seconds", [-301, 301])
def test_the_timestamp_may_be_five_minutes_off_and_no_more(seconds: int) -> None:
    late = NOON + timedelta(seconds=seconds)
    assert verify(headers(GOLDEN), BODY, [KEY], late) is Verdict.WRONG_TIMESTAMP
    within = NOON + timedelta(seconds=seconds - (1 if seconds > 0 else -1))
    assert verify(headers(GOLDEN), BODY, [KEY], within) is Verdict.VALID


@pytest.mark.parametrize(
    "broken",
    [
        {},
        headers(""),
        headers("v1"),
        headers("v1,not base64!"),
        headers(GOLDEN, "soon"),
        headers(GOLDEN, "１７９５３９９４４５"),
        headers(GOLDEN, "-1"),
        headers(GOLDEN, message_id=""),
        headers(GOLDEN, message_id="x" * 201),
        headers(" ".join([GOLDEN] * 17)),
    ],
)
def test_what_is_malformed_is_told_apart(broken: dict[str, str]) -> None:
    assert verify(broken, BODY, [KEY], NOON) is Verdict.MALFORMED


def test_the_reference_library_refuses_what_we_refuse() -> None:
    now = int(datetime.now(UTC).timestamp())
    good = headers(sign([KEY], ID, now, BODY), now)
    Webhook(secret_of(KEY)).verify(BODY, good)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_of(KEY)).verify(BODY + b" ", good)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_AAAA", "AAAA" * 8, "whsec_" + "A" * 100, "whsec_é" * 9]
)
def test_a_secret_that_is_none(secret: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        key_of(secret)


def test_a_sealed_secret_opens_for_its_record_and_deployment_only() -> None:
    secret = new_secret().encode()
    sealer = Sealer(b"deployment", "webhook secrets")
    sealed = sealer.seal("whs_1", secret)
    assert sealer.open("whs_1", sealed) == secret
    assert secret not in sealed
    for other, record in (
        (sealer, "whs_2"),
        (Sealer(b"another", "webhook secrets"), "whs_1"),
        (Sealer(b"deployment", "signing keys"), "whs_1"),
    ):
        with pytest.raises(Unsealable):
            other.open(record, sealed)
