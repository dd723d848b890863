"""Proxies between the workers and their servers: one for any TCP, which can be cut in all the ways a network can, and
one for ClickHouse's HTTP interface, which can answer in its place."""

import http.client
import http.server
import queue
import socket
import threading
import time
import urllib.parse
from dataclasses import dataclass


class TcpProxy:
    """Forwards to a port of this machine. `stalled`: nothing is forwarded, old connections stay open, new ones are
    accepted. `abandon()`: the connections there are stay open and are never served again, new ones work. `reset()`:
    they are closed. `latency`: each piece of data arrives so much later."""

    def __init__(self, target_port: int):
        self.target_port = target_port
        self.flowing = threading.Event()
        self.flowing.set()
        self.latency = 0.0
        self.pairs: list[dict] = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        pair = {"client": client, "abandoned": False}
        self.pairs.append(pair)
        self.flowing.wait()
        try:
            server = socket.create_connection(("127.0.0.1", self.target_port))
        except OSError:
            client.close()
            return
        pair["server"] = server
        threading.Thread(target=self._pump, args=(pair, server, client), daemon=True).start()
        self._pump(pair, client, server)

    def _pump(self, pair: dict, source: socket.socket, sink: socket.socket) -> None:
        """Reads here and sends in a thread of its own, so that latency does not cost throughput."""
        under_way: queue.Queue = queue.Queue(maxsize=256)
        threading.Thread(target=self._deliver, args=(pair, under_way, source, sink), daemon=True).start()
        try:
            while data := source.recv(65536):
                under_way.put((time.monotonic() + self.latency, data))
        except OSError:
            pass
        under_way.put((0, b""))

    def _deliver(self, pair: dict, under_way: queue.Queue, source: socket.socket, sink: socket.socket) -> None:
        failed = False
        while (piece := under_way.get())[1]:
            self.flowing.wait()
            while pair["abandoned"]:
                time.sleep(0.2)
            time.sleep(max(0.0, piece[0] - time.monotonic()))
            try:
                if not failed:
                    sink.sendall(piece[1])
            except OSError:
                failed = True
                source.close()
        if pair["abandoned"]:
            return  # the other side hears nothing of it
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
                one.close()
            except OSError:
                pass

    def stall(self) -> None:
        self.flowing.clear()

    def resume(self) -> None:
        self.flowing.set()

    def abandon(self) -> None:
        for pair in self.pairs:
            pair["abandoned"] = True

    def reset(self) -> None:
        for pair in self.pairs:
            for one in (pair["client"], pair.get("server")):
                if one is not None:
                    try:
                        one.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass
        self.pairs.clear()

    def discard(self) -> None:
        self.flowing.set()
        self.listener.close()
        for pair in self.pairs:
            pair["abandoned"] = False
        self.reset()


@dataclass
class Answer:
    status: int
    body: str
    headers: tuple = ()


def _read_body(request: http.server.BaseHTTPRequestHandler) -> bytes:
    """The whole of it, in chunks or of a length that was told."""
    if request.headers.get("Transfer-Encoding", "") != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length", 0)))
    body = b""
    while size := int(request.rfile.readline().strip() or b"0", 16):
        body += request.rfile.read(size)
        request.rfile.readline()
    request.rfile.readline()
    return body


class ClickHouseProxy:
    """Forwards requests to ClickHouse's HTTP interface. `everything_gets`: every request is answered like this instead,
    as by somebody else who has its port; `inserts_get`: every insert is; `last_headers` are those of a real answer;
    `answer_lost`: it is carried out, and this is the answer. An insert into a table of `stuck` waits until it is taken
    out of there; every insert takes `delay` seconds longer."""

    def __init__(self, target_port: int):
        self.everything_gets: Answer | None = None
        self.inserts_get: Answer | None = None
        self.last_headers: tuple = ()
        self.answer_lost: Answer | None = None
        self.delay = 0.0
        self.stuck: set[str] = set()
        self.refused = 0
        self.held = 0
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = _read_body(self)
                try:
                    self.answer(*proxy.handle(self.path, body, dict(self.headers)))
                except OSError:
                    self.close_connection = True

            def answer(self, status, headers, body):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.target_port = target_port
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def handle(self, path: str, body: bytes, headers: dict):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query).get("query", [""])[0]
        if (answer := self.everything_gets) is not None:
            self.refused += 1
            return answer.status, answer.headers, answer.body.encode()
        if query.startswith("INSERT"):
            while any(f"`{table}`" in query for table in self.stuck):
                self.held += 1
                time.sleep(0.05)
            time.sleep(self.delay)
            if (answer := self.inserts_get) is not None:
                self.refused += 1
                return answer.status, [], answer.body.encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.target_port, timeout=300)
        own = ("host", "connection", "transfer-encoding")
        kept = {name: value for name, value in headers.items() if name.lower() not in own}
        connection.request("POST", path, body, kept)
        reply = connection.getresponse()
        text = reply.read()
        connection.close()
        if query.startswith("INSERT") and (answer := self.answer_lost) is not None:
            self.refused += 1
            return answer.status, [], answer.body.encode()
        dropped = ("content-length", "transfer-encoding", "connection", "keep-alive")
        kept = [(n, v) for n, v in reply.getheaders() if n.lower() not in dropped]
        if reply.status == 200:
            self.last_headers = tuple(kept)
        return reply.status, kept, text

    def discard(self) -> None:
        self.stuck.clear()
        self.server.shutdown()
        self.server.server_close()
