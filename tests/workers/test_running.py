import select
import threading

from cloudassist_agent.scripts.running import Running


def readable(run):
    return bool(select.select([run.fileno()], [], [], 0)[0])


def test_a_record_is_in_hand_once_and_can_be_stopped():
    running = Running(2, lambda: None)
    run = running.add("t-1.web-1", "web-1")
    assert running.add("t-1.web-1", "web-1") is None
    assert not running.stop("t-2.web-1")
    assert not readable(run)
    assert running.stop("t-1.web-1")
    assert running.stop("t-1.web-1")
    assert run.stopped
    assert readable(run)
    running.remove(run)
    assert len(running) == 0
    assert not running.stop("t-1.web-1")


def test_becoming_full_and_free_again_is_told():
    told = []
    running = Running(2, lambda: told.append(len(running)))
    one, two = running.add("t-1.web-1", "web-1"), running.add("t-2.web-1", "web-1")
    other = running.add("t-1.web-2", "web-2")
    assert told == [2]
    assert (running.free("web-1"), running.free("web-2"), running.free("web-3")) == (0, 1, 2)
    assert running.of("web-1") == ("t-1.web-1", "t-2.web-1")
    running.remove(one)
    assert told == [2, 2]
    running.remove(two)
    running.remove(other)
    assert told == [2, 2]


def test_waiting_for_the_last_one():
    running = Running(2, lambda: None)
    assert running.wait_until_idle(0)
    run = running.add("t-1.web-1", "web-1")
    assert not running.wait_until_idle(0.01)
    thread = threading.Thread(target=running.remove, args=(run,))
    thread.start()
    assert running.wait_until_idle(5)
    thread.join()


def test_all_can_be_interrupted_but_one_that_was_stopped_was_stopped():
    running = Running(5, lambda: None)
    runs = [running.add(f"t-{number}.web-1", "web-1") for number in range(3)]
    runs[0].stop()
    running.interrupt_all()
    assert all(run.stopped for run in runs)
    assert [run.interrupted for run in runs] == [False, True, True]
    for run in runs:
        running.remove(run)
