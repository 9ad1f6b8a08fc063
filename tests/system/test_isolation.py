"""What an instance's user may do at the server, and what not. A user without limits succeeds with each attack."""

import re
import signal

import pytest
import redis
from redis.backoff import NoBackoff
from redis.connection import Connection
from redis.exceptions import NoPermissionError
from redis.retry import Retry

from cloudassist import access
from cloudassist.embedded import free_port
from cloudassist.store import instances, library
from cloudassist.store.ledger import Ledger
from support.data import table
from support.servers import answers, start_server
from support.waiting import wait_until

pytestmark = pytest.mark.system

ATTACKS = table("attacks")
OWN = [
    "BRPOP instance.i-A 0.01",
    "RPOP control.i-A",
    "LLEN control.i-A",
    "SET claim:i-A:t-1.i-A x NX GET PXAT 99999999999999",
    "SET presence.i-A x PX 1000 GET",
    "GET payload:x",
    "MGET owner.i-A",
    "GET key-set",
    "TIME",
    "LPUSH reports x",
    "PUBLISH /0.celeryev/i-A/worker.heartbeat x",
    "PING",
]


def name(row):
    return " ".join(row["command"])[:60]


class Target:
    """A server with two instances, a third user without limits, and something of everything to be attacked."""

    def __init__(self, folder):
        self.folder = folder
        self.start()

    def start(self):
        self.port = free_port()
        users = [access.agent("i-A"), access.agent("i-B"), access.agent("i-A", remote_control=True)]
        lines = [user.line("pw") for user in users[:2]]
        lines += [users[2].line("pw").replace("agent.i-A", "inspected", 1)]
        lines += [access.user(role).line("pw") for role in access.ROLES]
        lines += [access.activation("1E4F2C7A-3F0B-4B77-9C0D-0A1B2C3D4E5F").line("pw")]
        lines += ["user free on >pw ~* &* +@all", access.user(access.Role.ADMIN).line("pw"), "user default off"]
        self.folder.mkdir(exist_ok=True)
        (self.folder / "users.acl").write_text("\n".join(lines) + "\n")
        options = ["--aclfile", str(self.folder / "users.acl"), "--enable-debug-command", "yes"]
        self.process = start_server(self.folder, self.port, options)
        with self.client("admin") as admin:
            wait_until(lambda: answers(admin), "the server to answer")

    def client(self, user):
        return redis.Redis(port=self.port, username=user, password="pw")

    def seed(self):
        """Put something in every place; return what stands for the placeholders of the table."""
        with self.client("admin") as admin, admin.pipeline(transaction=False) as pipe:
            pipe.flushall().function_flush()
            pipe.lpush("instance.i-B", "order").lpush("control.i-B", "stop").lpush("dispatch", "record")
            pipe.lpush("reports", "report").lpush("taken:x", "report").lpush("another.reply.celery.pidbox", "reply")
            for key in ("payload:x", "presence.i-B", "owner.i-A", "owner.i-B", "key-set", "output:t-1.i-B"):
                pipe.set(key, "x")
            for key in ("claim:i-A:t-1.i-A", "claim:i-B:t-1.i-B"):
                pipe.set(key, "!stopped")
            for key in ("record:t-1.i-A", "record:t-1.i-B", "invocation:t-1", "known:i-A", "known:i-B", "command:c-1"):
                pipe.hset(key, "field", "value")
            for key in ("identity:i-A", "activation:X", "admitted:X", "epochs"):
                pipe.hset(key, "field", "value")
            pipe.lpush("enrolments", "request").lpush("petitions", "wish").set("enrolled.X.y", "x").set(
                "petition:x", "y"
            )
            pipe.xadd("audit-trail", {"a": "b"}).zadd("due", {"t-1.i-B": 1}).zadd("open", {"i-B/t-1.i-B": 0})
            pipe.script_load("return 1").dump("instance.i-B")
            for user in (access.agent("i-A"), access.agent("i-B")):  # an attack may have removed it
                pipe.execute_command("ACL", "SETUSER", user.name, *user.words("pw"))
            dump = pipe.execute()[-3]
        with Ledger(f"redis://admin:pw@127.0.0.1:{self.port}/0") as ledger:
            call = instances.read_enrolments([])
            ledger.call(call)
        return {"{dump}": dump, "{function}": call.words[1], "{library}": library.source().split("=", 1)[1].split()[0]}

    def attempt(self, user, row, places):
        """Carry out an attack on a connection of its own, and raise what the server answers if that is an error."""
        # RESP2, so that the answer to a subscription is one like any other.
        connection = Connection(port=self.port, username=user, password="pw", protocol=2, retry=Retry(NoBackoff(), 0))
        try:
            connection.send_command(*(places.get(word, word) for word in row["command"]))
            answer = connection.read_response()
        finally:
            connection.disconnect()
        if isinstance(answer, Exception):
            raise answer

    def refuses(self, user, row, places):
        """Tell whether a user is refused."""
        try:
            self.attempt(user, row, places)
        except NoPermissionError:
            return True
        return False

    def succeeds(self, row, places):
        """Have the user without limits do it, so that what is refused to others is known to be possible."""
        if row["command"][0] != "SHUTDOWN":
            self.attempt("free", row, places)
            return
        with pytest.raises(redis.ConnectionError):
            self.attempt("free", row, places)
        assert self.process.wait(10) == 0
        self.start()


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    target = Target(tmp_path_factory.mktemp("target"))
    yield target
    target.process.send_signal(signal.SIGKILL)
    target.process.wait(10)


def test_there_are_enough_of_them():
    assert len(ATTACKS) >= 81


@pytest.mark.matrix("I8")
@pytest.mark.parametrize("row", ATTACKS, ids=name)
def test_an_instance_is_refused_what_is_possible(target, row):
    """Remote control opens no more than it says."""
    places = target.seed()
    assert target.refuses("agent.i-A", row, places)
    assert target.refuses("inspected", row, places) is not row.get("with_remote_control", False)
    target.succeeds(row, places)


@pytest.mark.parametrize("command", OWN)
def test_an_instance_may_do_what_it_needs(target, command):
    target.attempt("agent.i-A", {"command": command.split(" ")}, target.seed())


@pytest.mark.matrix("F16")
@pytest.mark.parametrize("row", table("role_attacks"), ids=name)
def test_a_role_is_refused_what_is_not_its_own(target, row):
    places = target.seed()
    assert target.refuses(row["role"], row, places)
    target.succeeds(row, places)


def test_every_command_of_the_functions_is_in_the_rules():
    """A command that a new function makes would be refused to the roles that call it."""
    called = {word.lower() for text in library.files().values() for word in re.findall(r"'([A-Z]{2,})'", text)}
    granted = {word.lstrip("(+") for word in access.user(access.Role.CONTROL).rules.split()}
    options = {"nx", "xx", "gt", "px", "pxat", "withscores", "byscore", "limit", "maxlen", "get", "right", "left"}
    assert called - options - granted == set()


@pytest.mark.matrix("I8")
def test_in_a_transaction_it_is_refused_as_well(target):
    target.seed()
    with target.client("agent.i-A") as client, client.pipeline(transaction=True) as pipe:
        pipe.time().lrange("instance.i-B", 0, -1)
        with pytest.raises(NoPermissionError):
            pipe.execute()


def test_each_attempt_is_written_down_by_the_server(target):
    """The intrusion signal: who tried what."""
    target.seed()
    with target.client("admin") as admin:
        admin.acl_log_reset()
        for row in ATTACKS[:3]:
            with target.client("agent.i-A") as client, pytest.raises(NoPermissionError):
                client.execute_command(*row["command"])
        entries = admin.acl_log()
    assert {entry["username"] for entry in entries} == {"agent.i-A"}
    assert sum(int(entry["count"]) for entry in entries) == 3
