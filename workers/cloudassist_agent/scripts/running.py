"""The records that this agent has in its hands right now."""

import os
import threading
from collections.abc import Callable


class Run:
    """One record in hand. A stop is a flag that can also be waited for, as a file descriptor: the end of ``pipe``.

    ``interrupted`` tells that nobody asked for the stop: the agent itself has to end.
    """

    def __init__(self, record_id: str, instance_id: str, pipe: tuple[int, int] | None = None) -> None:
        self.record_id = record_id
        self.instance_id = instance_id
        self._read_end, self._write_end = pipe or os.pipe()
        self._stopped = threading.Event()
        self.interrupted = False

    @property
    def stopped(self) -> bool:
        """Tell whether a stop was asked for."""
        return self._stopped.is_set()

    def fileno(self) -> int:
        """Return a file descriptor that becomes readable when a stop is asked for."""
        return self._read_end

    def stop(self) -> None:
        """Ask for a stop."""
        if not self._stopped.is_set():
            self._stopped.set()
            os.write(self._write_end, b"!")

    def close(self) -> tuple[int, int] | None:
        """Let the pipe go: return it where it can serve another run, close it where a stop is in it."""
        if not self.stopped:
            return self._read_end, self._write_end
        os.close(self._read_end)
        os.close(self._write_end)
        return None


class Running:
    """All of them; safe to share between threads.

    ``on_change`` is called when an instance becomes full or gets a free slot: its presence should say so at once.
    """

    def __init__(self, slots: int, on_change: Callable[[], None]) -> None:
        self._slots = slots
        self._on_change = on_change
        self._runs: dict[str, Run] = {}
        self._per_instance: dict[str, int] = {}
        self._pipes: list[tuple[int, int]] = []
        self._changed = threading.Condition()

    def add(self, record_id: str, instance_id: str) -> Run | None:
        """Take a record in hand; None where it is in hand already."""
        with self._changed:
            if record_id in self._runs:
                return None
            pipe = self._pipes.pop() if self._pipes else None
            run = self._runs[record_id] = Run(record_id, instance_id, pipe)
            count = self._per_instance[instance_id] = self._per_instance.get(instance_id, 0) + 1
        if count == self._slots:
            self._on_change()
        return run

    def remove(self, run: Run) -> None:
        """Let a record go."""
        with self._changed:
            del self._runs[run.record_id]
            count = self._per_instance[run.instance_id] = self._per_instance[run.instance_id] - 1
            if pipe := run.close():
                self._pipes.append(pipe)
            self._changed.notify_all()
        if count == self._slots - 1:
            self._on_change()

    def stop(self, record_id: str) -> bool:
        """Ask a record to stop; False where it is not in hand."""
        with self._changed:
            run = self._runs.get(record_id)
            if run is not None:
                run.stop()
            return run is not None

    def interrupt_all(self) -> None:
        """Have all of them end, since the agent has to."""
        with self._changed:
            for run in self._runs.values():
                run.interrupted = not run.stopped
                run.stop()

    def __len__(self) -> int:
        """Return how many records are in hand."""
        with self._changed:
            return len(self._runs)

    def of(self, instance_id: str) -> tuple[str, ...]:
        """Return the records of one instance."""
        with self._changed:
            return tuple(run.record_id for run in self._runs.values() if run.instance_id == instance_id)

    def free(self, instance_id: str) -> int:
        """Return how many more records an instance can take in hand."""
        with self._changed:
            return max(0, self._slots - self._per_instance.get(instance_id, 0))

    def wait_until_idle(self, seconds: float | None = None) -> bool:
        """Wait until nothing is in hand; tell whether that came."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._runs, seconds)
