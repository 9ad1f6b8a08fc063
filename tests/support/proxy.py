"""A network between an agent and its server that can be cut, silenced, slowed down and broken in mid-sentence."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

CHUNK = 64 * 1024


class Proxy:
    """Forwards connections to a port of this machine. Its own port stays the same, whatever happens to it."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._ready = threading.Event()
        self._server: asyncio.Server | None = None
        self._pairs: set[_Pair] = set()
        self._silent = False
        self.port = 0
        self.delay = 0.0
        """Seconds that everything takes longer in each direction."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self) -> None:
        """Break every connection."""
        self._call(self._cut())

    def refuse(self) -> None:
        """Break every connection and take no new one."""
        self._call(self._refuse())

    def accept(self) -> None:
        """Take connections again, and forward everything on new ones."""
        self._silent = False
        self._call(self._listen())

    def freeze(self, *, new: bool = False) -> None:
        """Swallow what goes over the connections that there are (``new``: and those to come); they stay open."""
        self._silent = new
        self._call(self._freeze())

    def mute(self) -> None:
        """Swallow the answers on the connections that there are; what is asked arrives."""
        self._call(self._freeze(asked=False))

    def truncate(self, *, asked: bool) -> None:
        """Break each connection that there is in the middle of what goes over it next: of a question, or an answer."""
        self._call(self._truncate(asked=asked))

    async def live(self) -> None:
        """Forward until :meth:`end`."""
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        await self._listen()
        self._ready.set()
        await self._ended.wait()
        await self._refuse()

    def wait_ready(self) -> None:
        assert self._ready.wait(10)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            # asyncio forgets, and never closes, a connection that it has just accepted when its server is closed.
            for listening in server.sockets:
                self._loop.remove_reader(listening.fileno())
            await asyncio.sleep(0)
            server.close()
        await self._cut()
        await asyncio.gather(*(pair.task for pair in self._pairs))

    async def _cut(self) -> None:
        for pair in list(self._pairs):
            pair.abort()

    async def _freeze(self, *, asked: bool = True) -> None:
        for pair in self._pairs:
            pair.answers_frozen = True
            pair.asked_frozen = asked

    async def _truncate(self, *, asked: bool) -> None:
        for pair in self._pairs:
            pair.cut_short = asked

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        task = asyncio.current_task()
        assert task is not None
        pair = _Pair(writer, server_writer, task, frozen=self._silent)
        self._pairs.add(pair)
        if self._server is None:
            pair.abort()
        try:
            await asyncio.gather(
                self._pump(pair, reader, server_writer, asked=True),
                self._pump(pair, server_reader, writer, asked=False),
            )
        finally:
            self._pairs.discard(pair)
            pair.abort()

    async def _pump(
        self, pair: "_Pair", reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, asked: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                if self.delay:
                    await asyncio.sleep(self.delay)
                if pair.cut_short is asked:
                    data = data[: len(data) // 2]
                if not (pair.asked_frozen if asked else pair.answers_frozen):
                    writer.write(data)
                    await writer.drain()
                if pair.cut_short is asked:
                    break
        # The end of one side is only told to the other where the line is good.
        if not (pair.asked_frozen if asked else pair.answers_frozen):
            pair.abort()


class _Pair:
    """The two ends of one connection."""

    def __init__(
        self, client: asyncio.StreamWriter, server: asyncio.StreamWriter, task: "asyncio.Task[Any]", *, frozen: bool
    ) -> None:
        self._ends = (client, server)
        self.task = task
        self.asked_frozen = self.answers_frozen = frozen
        self.cut_short: bool | None = None
        """Whether it breaks in the middle of the next question (True) or of the next answer (False)."""

    def abort(self) -> None:
        for end in self._ends:
            end.transport.abort()


@contextlib.contextmanager
def proxy(target: int) -> Iterator[Proxy]:
    """Run a proxy to a port."""
    forwarder = Proxy(target)
    thread = threading.Thread(target=asyncio.run, args=(forwarder.live(),))
    thread.start()
    forwarder.wait_ready()
    try:
        yield forwarder
    finally:
        forwarder.end()
        thread.join(10)
