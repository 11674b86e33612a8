"""A stand-in for a service: ready at once, dies on request, and knows how to be stubborn.

fake_service.py PORT [stubborn | mute | broken]
"""

import http.server
import os
import signal
import sys

port, manner = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""
print("pid", os.getpid(), flush=True)
if manner == "broken":
    print("no such table: projects", flush=True)
    sys.exit(7)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/die":
            os._exit(3)
        self.send_response(503 if manner == "mute" else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def drain(*_: object) -> None:
    print("drained", flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, signal.SIG_IGN if manner == "stubborn" else drain)
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
