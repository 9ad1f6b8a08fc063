"""A private CA, and the end of TLS in front of a server that has none: it demands a certificate of each client."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import trustme

CHUNK = 64 * 1024


@dataclass(frozen=True)
class Authority:
    """A CA with its files: its own certificate, and pairs of certificate and key that it has issued."""

    folder: Path
    ca: trustme.CA

    @classmethod
    def make(cls, folder: Path) -> "Authority":
        folder.mkdir(parents=True, exist_ok=True)
        made = cls(folder, trustme.CA())
        made.ca.cert_pem.write_to_path(str(made.ca_file))
        return made

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def issue(self, name: str) -> tuple[Path, Path]:
        """Return the files of a certificate for a host, or of a client, and of its key."""
        issued = self.ca.issue_cert(name)
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        key.write_bytes(issued.private_key_pem.bytes())
        return certificate, key

    def settings(self, client: str = "client") -> dict[str, str]:
        """Return the settings of a role that believes this CA, and has a certificate of it."""
        certificate, key = self.issue(client)
        return {
            "CLOUDASSIST_TLS_CA": str(self.ca_file),
            "CLOUDASSIST_TLS_CERTIFICATE": str(certificate),
            "CLOUDASSIST_TLS_KEY": str(key),
        }


@contextlib.contextmanager
def tls_end(authority: Authority, port: int, target: int, host: str = "localhost") -> Iterator[None]:
    """Take TLS connections at a port, with a certificate for a host, and forward them to another port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(host))
    context.load_verify_locations(authority.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    ready = threading.Event()
    ends: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        ended = asyncio.Event()
        ends.append((asyncio.get_running_loop(), ended))

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, ssl.SSLError):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
                pumps = [
                    asyncio.ensure_future(pump(reader, far_writer)),
                    asyncio.ensure_future(pump(far_reader, writer)),
                ]
                stop = asyncio.ensure_future(ended.wait())
                await asyncio.wait([*pumps, stop], return_when=asyncio.FIRST_COMPLETED)
                for task in (*pumps, stop):
                    task.cancel()
                await asyncio.gather(*pumps, stop, return_exceptions=True)
                far_writer.transport.abort()
            writer.transport.abort()

        server = await asyncio.start_server(forward, "127.0.0.1", port, ssl=context)
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # handshakes that fail are what is tested
        ready.set()
        await ended.wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        loop, ended = ends[0]
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Forward what comes."""
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
