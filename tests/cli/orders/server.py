# SPDX-License-Identifier: GPL-3.0-or-later
# Answers orders as docs/api.md says, and writes down what it was asked.
import http.server
import json
import os


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with open("asked", "a") as asked:
            print(self.path, body or "-", self.headers.get("X-Requested-With"), file=asked)
        if self.path.endswith("/rollback"):
            applied = "slow" not in self.path
            status, answer = 200, {"kind": "rollback", "version": "0.1.0", "pipeline": "clickstream",
                                   "rollback": {"decision": 88, "applied": applied}}
        elif "clickstraem" in self.path:
            status, answer = 404, {"error": {"code": "NotFound",
                                             "message": "no pipeline \"clickstraem\" here; did you mean clickstream?"}}
        else:
            status, answer = 200, {"kind": "status", "version": "0.1.0", "pipelines": []}
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
