"""The connection: errors, listening, and the function library."""

import os
import signal
import threading
import time

import pytest
import redis
from redis.exceptions import ResponseError

from cloudassist.errors import ConfigurationError, ServiceUnavailableError
from cloudassist.store import instances, invocations, library, sweeps
from cloudassist.store.call import command
from cloudassist.store.exchange import NOTICE_GAP_SECONDS, without_password
from cloudassist.store.ledger import Ledger
from support.servers import private_server, start_server
from support.waiting import wait_until


def test_the_library_is_loaded_when_it_is_missing(ledger, server):
    server.function_flush()
    assert ledger.call(sweeps.observe_due(1, 1))[1] == []
    server.function_flush()
    assert [answer[1] for answer in ledger.run([sweeps.observe_due(1, 1)] * 3)] == [[], [], []]
    assert len(server.function_list()) == 1


def test_two_versions_of_the_library_live_side_by_side(ledger, server):
    ledger.call(sweeps.observe_due(1, 1))
    server.function_load(
        library.source().replace("cloudassist_1_", "cloudassist_0_").replace("_" + library._digest(), "_old")
    )
    assert ledger.call(sweeps.observe_due(1, 1))[1] == []
    assert len(server.function_list()) == 2
    server.function_flush()


def test_a_user_that_may_not_load_the_library_is_told_what_to_do(server, server_url):
    server.function_flush()
    server.execute_command("ACL", "SETUSER", "weak", "on", ">pw", "~*", "&*", "+@all", "-function")
    with (
        Ledger(server_url.replace("redis://", "redis://weak:pw@")) as weak,
        pytest.raises(ConfigurationError) as caught,
    ):
        weak.call(sweeps.observe_due(1, 1))
    assert "control worker" in caught.value.message


def test_no_server_is_said_in_one_line_without_the_password():
    with Ledger("redis://user:secret@127.0.0.1:1/0") as ledger, pytest.raises(ServiceUnavailableError) as caught:
        ledger.call(instances.total())
    assert "127.0.0.1:1" in caught.value.message
    assert "make up" in caught.value.message
    assert "secret" not in caught.value.message
    assert caught.value.status == 503


def test_a_wrong_password_is_a_matter_of_configuration(server_url):
    url = server_url.replace("redis://", "redis://nobody:wrong@")
    with Ledger(url) as ledger, pytest.raises(ConfigurationError) as caught:
        ledger.call(instances.total())
    assert "wrong" not in caught.value.message


def test_a_server_that_stalls_is_not_asked_twice(tmp_path):
    """T1: redis-py would repeat the command ten times by itself."""
    with (
        private_server(tmp_path) as url,
        Ledger(url, answer_seconds=0.3) as ledger,
        redis.Redis.from_url(url) as client,
    ):
        pid = client.info("server")["process_id"]
        ledger.call(instances.total())
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(ServiceUnavailableError):
                ledger.call(command(int, "INCR", "counter"))
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_until(lambda: client.get("counter"), "the one command to be carried out")
        assert client.get("counter") == b"1"


def test_an_error_in_a_batch_does_not_stop_the_rest(ledger, server):
    server.set("text", "x", ex=60)
    calls = [command(int, "INCR", "text"), command(int, "LPUSH", "reports", "1"), command(int, "LLEN", "reports")]
    failed, *rest = ledger.try_all(calls)
    assert isinstance(failed, ResponseError)
    assert rest == [1, 1]
    with pytest.raises(ResponseError):
        ledger.run(calls)


def test_a_notice_wakes_every_listener_at_once(ledger, server):
    woken = []

    def listen():
        with ledger.listen("changes:t-1") as listener:
            ready.release()
            woken.append(listener.wait(10))

    ready = threading.Semaphore(0)
    threads = [threading.Thread(target=listen) for _ in range(5)]
    for thread in threads:
        thread.start()
        ready.acquire()
    begun = time.monotonic()
    assert ledger.call(invocations.notice("t-1")) == 5
    for thread in threads:
        thread.join()
    assert woken == [True] * 5
    assert time.monotonic() - begun < NOTICE_GAP_SECONDS


def test_a_listener_looks_for_itself_after_two_seconds_at_most(ledger):
    with ledger.listen("changes:t-1") as listener:
        begun = time.monotonic()
        assert not listener.wait(100)
        assert time.monotonic() - begun < NOTICE_GAP_SECONDS + 0.5


def test_piled_up_notices_count_as_one(ledger):
    with ledger.listen("changes:t-1") as listener:
        for _ in range(20):
            ledger.call(invocations.notice("t-1"))
        # Nineteen have certainly been sent when the twentieth is answered; that one may be a moment late.
        assert 1 <= sum(listener.wait(0.5) for _ in range(4)) <= 2


def test_a_listener_is_used_again(ledger, server):
    for number in range(5):
        with ledger.listen(f"changes:t-{number}") as listener:
            ledger.call(invocations.notice(f"t-{number}"))
            assert listener.wait(5)
    # It leaves a channel when it is used for the next one.
    wait_until(lambda: server.pubsub_channels() == ["changes:t-4"], "the other channels to be left")
    wait_until(lambda: sum(int(client["sub"]) for client in server.client_list()) == 1, "one listener to be there")


def test_a_listener_hears_its_own_channel_only(ledger):
    with ledger.listen("changes:t-1"):
        pass
    with ledger.listen("changes:t-2") as listener:
        ledger.call(invocations.notice("t-1"))
        assert not listener.wait(0.1)
        ledger.call(invocations.notice("t-2"))
        assert listener.wait(5)


def test_a_listener_hears_again_after_the_server_was_away(tmp_path):
    with private_server(tmp_path) as url, Ledger(url) as ledger, redis.Redis.from_url(url) as client:
        port = int(url.rpartition(":")[2].split("/")[0])
        with ledger.listen("changes:t-1") as listener:
            client.shutdown(nosave=True)
            assert not listener.wait(0.2)
            second = start_server(tmp_path, port)

            def heard():
                try:
                    ledger.call(invocations.notice("t-1"))
                except ServiceUnavailableError:
                    return False
                return listener.wait(0.5)

            wait_until(heard, "a notice after the restart")
        second.terminate()
        second.wait(10)


def test_a_url_is_shown_without_its_password():
    assert without_password("rediss://user:p@ss@host:1/0") == "rediss://host:1/0"
    assert without_password("redis://host:1/0") == "redis://host:1/0"
