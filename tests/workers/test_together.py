"""Threads that come together share one errand."""

import threading

import pytest

from cloudassist_agent.together import Together
from support.waiting import wait_until


def all_at_once(together, questions):
    """Have a thread for each question ask while the way is not free; return the answers or errors by question."""
    answers = {}

    def ask(question):
        try:
            answers[question] = together.ask(question)
        except ValueError as error:
            answers[question] = error

    threads = [threading.Thread(target=ask, args=(question,)) for question in questions]
    with together.way:
        for thread in threads:
            thread.start()
        wait_until(lambda: len(together._waiting) == len(threads), "all threads to have asked")
    for thread in threads:
        thread.join()
    return answers


def test_each_gets_its_own_answer_and_there_is_one_errand():
    errands = []

    def go(questions):
        errands.append(list(questions))
        return [10 * question for question in questions]

    assert all_at_once(Together(go), range(20)) == {number: 10 * number for number in range(20)}
    assert len(errands) == 1


def test_a_failure_is_told_to_all_and_the_next_errand_is_a_new_one():
    failing = [True]

    def go(questions):
        if failing.pop() if failing else False:
            raise ValueError("closed")
        return questions

    together = Together(go)
    assert {str(answer) for answer in all_at_once(together, range(5)).values()} == {"closed"}
    assert together.ask("open?") == "open?"


def test_an_answer_too_few_is_an_error_of_all_and_not_a_mistaken_answer():
    together = Together(lambda questions: questions[1:])
    with pytest.raises(ValueError, match="shorter"):
        together.ask(1)
