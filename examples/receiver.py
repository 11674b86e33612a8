"""A complete receiver of webhooks: FEIDI_WEBHOOK_SECRET=whsec_… python examples/receiver.py [port]

It verifies, keeps each event once in received.db before it answers, and says when a sequence is missing.
"""

import base64
import contextlib
import hmac
import json
import os
import sqlite3
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["FEIDI_WEBHOOK_SECRET"].removeprefix("whsec_"))
TABLE = "CREATE TABLE IF NOT EXISTS received (endpoint_id, id, sequence, body, UNIQUE (endpoint_id, id))"
LAST = "SELECT coalesce(max(sequence), 0) FROM received WHERE endpoint_id = ?"


def is_genuine(body: bytes, message_id: str, sent_at: str, signatures: str) -> bool:
    if not (sent_at.isascii() and sent_at.isdigit() and abs(time.time() - int(sent_at[:12])) <= 300):
        return False
    mac = hmac.digest(KEY, f"{message_id}.{sent_at}.".encode() + body, "sha256")
    expected = b"v1," + base64.b64encode(mac)
    return any(hmac.compare_digest(expected, one.encode()) for one in signatures.split(" "))


def keep(message_id: str, endpoint_id: str, sequence: int, body: bytes) -> str:
    with contextlib.closing(sqlite3.connect("received.db", timeout=10)) as database, database:
        database.execute(TABLE)
        database.execute("BEGIN IMMEDIATE")
        [last] = database.execute(LAST, [endpoint_id]).fetchone()
        row = (endpoint_id, message_id, sequence, body)
        is_new = database.execute("INSERT OR IGNORE INTO received VALUES (?, ?, ?, ?)", row).rowcount
    missing = f", missing {last + 1} to {sequence - 1}" if sequence > last + 1 else ""
    return f"kept {sequence}{missing}" if is_new else f"duplicate {sequence}"


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(max(0, min(int(self.headers.get("content-length", 0)), 1 << 20)))
        said = [self.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")]
        if not is_genuine(body, *said):
            self.send_error(401)
            return
        message = json.loads(body)
        if delivery := message.get("delivery"):
            print(keep(said[0], delivery["endpoint_id"], delivery["sequence"], body), flush=True)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"challenge": message.get("challenge")}).encode())


if __name__ == "__main__":
    Receiver.timeout = 10
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 9000), Receiver)
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()
