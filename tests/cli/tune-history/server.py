# SPDX-License-Identifier: GPL-3.0-or-later
# Answers as a Spark History Server did (tests/fixtures/spark/history), behind what asks who is there.
import base64
import http.server
import os
import pathlib
import sys

FOLDER = pathlib.Path(sys.argv[1])
API = "/api/v1/applications/app-20261121162052-0000"
FILES = {API: ("plain.json", "application/json"), f"{API}/logs": ("plain.zip", "application/octet-stream")}
WELCOME = ["Bearer of-the-night", "Basic " + base64.b64encode(b"watch:man").decode()]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        welcome = self.headers["Authorization"] in WELCOME
        with open("asked", "a") as asked:
            print(200 if welcome else 401, self.path, file=asked)
        name, kind = FILES[self.path]
        data = (FOLDER / name).read_bytes() if welcome else b""
        self.send_response(200 if welcome else 401)
        self.send_header("Content-Type", kind)
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
