"""Threads that come together go together: one of them does what all have asked for meanwhile, and each gets its answer.

A commit to the disk and a question to the server cost as much for many as for one. Nobody waits for others to come:
whoever finds the way free goes at once, and those that come while it is away go next, all of them.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Q = TypeVar("Q")


@dataclass(slots=True)
class _Errand(Generic[Q]):
    question: Q
    done: bool = False
    answer: Any = None
    error: BaseException | None = None


class Together(Generic[Q]):
    """``go`` takes the questions and returns as many answers; what it raises is raised for all of them.

    Safe between threads: one of them is in ``go`` at a time.
    """

    def __init__(self, go: Callable[[Sequence[Q]], Sequence[Any]]) -> None:
        self._go = go
        self._mutex = threading.Lock()
        self._waiting: list[_Errand[Q]] = []
        self.way = threading.Lock()

    def ask(self, question: Q) -> Any:
        """Return the answer to one question."""
        errand = _Errand(question)
        with self._mutex:
            self._waiting.append(errand)
        with self.way:
            if not errand.done:
                self._carry_out()
        if errand.error is not None:
            raise errand.error
        return errand.answer

    def _carry_out(self) -> None:
        with self._mutex:
            errands, self._waiting = self._waiting, []
        try:
            answers = self._go([errand.question for errand in errands])
            for errand, answer in zip(errands, answers, strict=True):
                errand.answer = answer
        except BaseException as error:
            for errand in errands:
                errand.error = error
        finally:
            for errand in errands:
                errand.done = True
