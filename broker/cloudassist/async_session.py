"""Drives operations for asyncio, as :mod:`cloudassist.session` does for threads."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from typing import Any, TypeVar

from cloudassist.errors import CloudAssistError
from cloudassist.keyset import Root
from cloudassist.operations.steps import Context, Course, Hear, Operation, Pin, Publish, Seal, Sign, Step, Tell
from cloudassist.session import Signer
from cloudassist.settings import Settings
from cloudassist.store import keys
from cloudassist.store.async_ledger import AsyncLedger, AsyncListener

T = TypeVar("T")


class AsyncSession:
    """What an asyncio producer holds while it is connected to one region."""

    def __init__(self, settings: Settings) -> None:
        self.context = Context.of(settings)
        self._ledger = AsyncLedger.of(settings)
        self._signer = Signer(settings)

    async def drive(self, operation: Operation[T]) -> T:
        """Carry out what an operation asks for until it returns."""
        course = Course(operation)
        async with aclosing(self._walk(course)) as told:
            async for _ in told:
                pass
        return course.result

    async def follow(self, operation: Operation[T]) -> AsyncIterator[Any]:
        """Carry an operation out and yield what it tells."""
        async with aclosing(self._walk(Course(operation))) as told:
            async for value in told:
                yield value

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.to_thread(self._signer.close)
        await self._ledger.close()

    async def _walk(self, course: Course[T]) -> AsyncGenerator[Any, None]:
        async with AsyncExitStack() as listening:
            listeners: dict[str, AsyncListener] = {}
            while not course.ended:
                step = course.step
                if isinstance(step, Tell):
                    yield step.value
                    course.answer([])
                    continue
                try:
                    if isinstance(step, Hear) and step.invoke_id not in listeners:
                        channel = keys.changes(step.invoke_id)
                        listeners[step.invoke_id] = await listening.enter_async_context(self._ledger.listen(channel))
                    answers = await self._carry_out(step, listeners)
                except CloudAssistError as error:
                    course.fail(error)
                else:
                    course.answer(answers)

    async def _carry_out(self, step: Step, listeners: dict[str, AsyncListener]) -> list[Any]:
        # Signing and kombu's connection are not asyncio's business.
        if isinstance(step, Sign):
            answers, messages = await asyncio.gather(
                self._ledger.run(step.calls), asyncio.to_thread(self._signer.sign, step)
            )
            return [*answers, messages]
        if isinstance(step, Publish):
            await asyncio.to_thread(self._signer.publish, step)
            return []
        if isinstance(step, Seal):
            return [await asyncio.to_thread(self._signer.seal, step)]
        if isinstance(step, Pin):
            return [await asyncio.to_thread(Root.of, self.context.settings)]
        if isinstance(step, Hear):
            await listeners[step.invoke_id].wait(step.seconds)
            return []
        assert not isinstance(step, Tell)
        return await self._ledger.run(step)
