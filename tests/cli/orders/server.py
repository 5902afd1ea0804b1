# SPDX-License-Identifier: GPL-3.0-or-later
# Answers orders as docs/api.md says, and writes down what it was asked.
import http.server
import json
import os


STATES = {"slow": "Told", "refused": "Failed"}


def way_back(state):
    return {"decision": 88, "to": "source 6, sink 2 (8 workers)", "state": state,
            "why": "409 from the job manager" if state == "Failed" else ""}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with open("asked", "a") as asked:
            print(self.path, body or "-", self.headers.get("X-Requested-With"), file=asked)
        if self.path.endswith("/rollback"):
            status, answer = 200, {"kind": "rollback", "version": "0.1.0", "pipeline": "clickstream",
                                   "rollback": {**way_back("Told"), "applied": True}}
        elif "clickstraem" in self.path:
            status, answer = 404, {"error": {"code": "NotFound",
                                             "message": "no pipeline \"clickstraem\" here; did you mean clickstream?"}}
        else:
            status, answer = 200, {"kind": "status", "version": "0.1.0", "pipelines": []}
        self.answer(status, answer)

    def do_GET(self):
        """A look at the pipeline after a rollback: it runs, does not yet, could not be told, or nothing is known of it."""
        state = next((state for name, state in STATES.items() if name in self.path), "Running")
        known = "forgetful" not in self.path
        self.answer(200, {"kind": "status", "version": "0.1.0",
                          "pipelines": [{"name": "clickstream", "rollback": way_back(state) if known else None}]})

    def answer(self, status, answer):
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open("port.tmp", "w") as port:
    port.write(str(server.server_port))
os.rename("port.tmp", "port")
server.serve_forever()
