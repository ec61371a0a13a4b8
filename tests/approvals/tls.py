"""A reverse proxy for tests: TLS in front of a page, as Caddy or nginx would stand there.

Its certificate is its own, so that a browser that is told to trust it has a secure context under any name.
"""

from __future__ import annotations

import hashlib
import http.client
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade"})


def write_certificate(host: str, folder: Path) -> Path:
    """A certificate for a host that it vouches for itself, with its key, in one file."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


def fingerprint(certificate: Path) -> str:
    """What Chromium is told to trust: SHA-256 of the public key, in base64."""
    public = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    encoded = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return b64encode(hashlib.sha256(encoded).digest()).decode()


class ReverseProxy:
    """Listens with TLS, and passes everything on to a port of this machine."""

    def __init__(self, certificate: Path, *, to_port: int, keeps_host: bool = True) -> None:
        """`keeps_host` is what a proxy must do; without, it names the page's own host, as some do by default."""
        self.to_port, self.keeps_host = to_port, keeps_host
        proxy = self

        class Passing(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                proxy.pass_on(self)

            def do_POST(self) -> None:
                proxy.pass_on(self)

            def log_message(self, *_: Any) -> None:
                """Nothing: the tests speak for themselves."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Passing)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def pass_on(self, request: BaseHTTPRequestHandler) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.to_port, timeout=20)
        # A browser that has what it wants hangs up, whatever is still on its way.
        with closing(connection), suppress(ConnectionError, ssl.SSLError):
            self._ask(connection, request)
            _answer(connection, request)

    def _ask(self, connection: http.client.HTTPConnection, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("content-length") or 0)
        body = request.rfile.read(length) if length else None
        connection.putrequest(
            request.command, request.path, skip_host=True, skip_accept_encoding=True
        )
        for name, value in request.headers.items():
            if name.lower() not in HOP_BY_HOP | {"host"}:
                connection.putheader(name, value)
        kept = request.headers["host"]
        connection.putheader("Host", kept if self.keeps_host else f"localhost:{self.to_port}")
        if self.keeps_host:  # the worse proxy says nothing either
            connection.putheader("X-Forwarded-For", request.client_address[0])
            connection.putheader("X-Forwarded-Proto", "https")
        connection.endheaders(body)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def _answer(connection: http.client.HTTPConnection, request: BaseHTTPRequestHandler) -> None:
    answer = connection.getresponse()
    content = answer.read()
    request.send_response(answer.status)
    for name, value in answer.getheaders():
        if name.lower() not in HOP_BY_HOP | {"content-length", "date"}:
            request.send_header(name, value)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(content)


@contextmanager
def reverse_proxy(certificate: Path, *, to_port: int, keeps_host: bool = True) -> Iterator[int]:
    """A proxy that runs; its port."""
    proxy = ReverseProxy(certificate, to_port=to_port, keeps_host=keeps_host)
    try:
        yield proxy.port
    finally:
        proxy.close()
