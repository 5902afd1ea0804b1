# SPDX-License-Identifier: GPL-3.0-or-later
# Answers as docs/api.md says, from a ledger, and writes down what it was asked.
import http.server
import os
import subprocess
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        address = urllib.parse.urlsplit(self.path)
        with open("asked", "a") as asked:
            print(self.path, file=asked)
        *_, kind, name = address.path.split("/")
        words = ["explain", name] if kind == "decisions" else [name]
        for key, value in urllib.parse.parse_qsl(address.query):
            words += [value] if key == "pipeline" else [f"--{key}", value]
        data = subprocess.run(["optctl", *words, "--json", "-"], check=True, capture_output=True).stdout
        self.send_response(200)
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
