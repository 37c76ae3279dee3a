#!/usr/bin/env python3
"""A small SMS gateway for the tests: keeps every SMS it takes as a file and fails on demand.

gateway.py [--port N] [--certificate F --key F] RUN_FOLDER

What it takes becomes RUN_FOLDER/taken/<number>.json: method, path, query, headers and the body, decoded by its type.
Writes its port to RUN_FOLDER/gateway.port. RUN_FOLDER/gateway.mode, read at each request, says how to behave: "ok",
"<status> text" (the answer; a 2xx takes the SMS all the same), "slow <seconds>", "drop" (cuts the connection without
an answer) or "deaf" (takes the SMS and cuts the connection). RUN_FOLDER/gateway.rules has lines "number status text": what
a request with that number in it is answered before all else.
"""
import argparse
import itertools
import json
import os
import signal
import ssl
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Gateway(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    run = None
    numbers = itertools.count(1)

    def read(self, name):
        try:
            with open(os.path.join(self.run, "gateway." + name), encoding="utf-8") as file:
                return file.read().strip()
        except FileNotFoundError:
            return ""

    def mode(self, raw):
        for line in self.read("rules").splitlines():
            number, answer = line.split(" ", 1)
            if number in self.path or number.encode() in raw:
                return answer
        return self.read("mode") or "ok"

    def decoded(self, raw):
        kind = self.headers.get_content_type()
        if kind == "application/json":
            return json.loads(raw)
        if kind == "application/x-www-form-urlencoded":
            return dict(urllib.parse.parse_qsl(raw.decode("utf-8"), keep_blank_values=True, strict_parsing=bool(raw)))
        return raw.decode("utf-8")

    def take(self, raw):
        url = urllib.parse.urlsplit(self.path)
        path = os.path.join(self.run, "taken", "%08d.json" % next(self.numbers))
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump({
                "method": self.command, "path": url.path, "query": dict(urllib.parse.parse_qsl(url.query)),
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "body": self.decoded(raw), "time": time.time(),
            }, file)
        os.rename(path + ".new", path)

    def answer(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        mode = self.mode(raw)
        status, text = 200, '{"status":"ok"}'
        if mode.startswith("slow "):
            time.sleep(float(mode.split()[1]))
        elif mode[:1].isdigit():
            status, _, text = mode.partition(" ")
            status = int(status)
        if mode != "drop" and status < 300:
            self.take(raw)
        if mode in ("drop", "deaf"):
            self.close_connection = True
            return
        body = text.encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, format, *args):
        sys.stderr.write("%s\n" % (format % args))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("run")
    options = parser.parse_args()

    os.makedirs(os.path.join(options.run, "taken"), exist_ok=True)
    Gateway.run = options.run
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Gateway)
    server.daemon_threads = True
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate, options.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    port_file = os.path.join(options.run, "gateway.port")
    with open(port_file + ".new", "w", encoding="ascii") as file:
        file.write("%d\n" % server.server_address[1])
    os.rename(port_file + ".new", port_file)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(0.1)


if __name__ == "__main__":
    main()
