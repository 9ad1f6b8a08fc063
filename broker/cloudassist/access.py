"""Who may do what at the server: one user per instance and per role, each with the fewest rights that it works with.

Allow-lists throughout: no categories, no scripting, no right to see which keys there are. An instance reaches its own
two queues, its claims, its presence, what it is told to read, and the tail of ``reports``, where it can only add.
Server-side functions run with the rights of whoever calls them, so that the right to call one lends nothing.

Rules are the words of ``ACL SETUSER`` of Redis 7.2 and Valkey 8; those in parentheses are selectors, each of which
grants a command only with the keys that stand beside it.
"""

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cloudassist import topology
from cloudassist.store import keys

USER_BYTES: Final = 24
"""Random bytes of a password."""


class Role(StrEnum):
    """Whose a user is. ``admin`` may do everything: it makes the others, and is nobody's in daily work."""

    ADMIN = "admin"
    AGENT = "agent"
    PRODUCER = "producer"
    CONTROL = "control"
    DISPATCH = "dispatch"
    BEAT = "beat"
    FLOWER = "flower"
    ENROL = "enrol"


ROLES: Final = (Role.PRODUCER, Role.CONTROL, Role.DISPATCH, Role.BEAT, Role.FLOWER, Role.ENROL)
"""The roles of which a region has one user each."""

Rights = frozenset[frozenset[str]]
"""What a user may do: the words of its rules, those of each selector by themselves."""

_NOTHING: Final = "resetkeys resetchannels clearselectors -@all"
_FUNCTIONS: Final = "(+fcall ~*)"
"""Every key of a call counts as written, and every command that a function then makes is checked by itself."""

_CHANGES: Final = (
    "+decrby +del +exists +get +hdel +hexists +hget +hgetall +hincrby +hmget +hset +hsetnx +incr +incrby +llen +lpop "
    "+lpush +lrange +ltrim +persist +pexpire +pexpireat +pexpiretime +pttl +rpush +set "
    "+unlink +xadd +xlen +xrevrange +zadd +zcard +zcount +zlexcount +zrange +zrem +zremrangebyscore +zscore"
)
"""Every command that a function or a call of the ledger makes; the keys beside them say on what."""
_READS: Final = "+exists +get +hget +hgetall +hmget +llen +pexpiretime +zcard +zlexcount +zrange +zscore"

_RECORDS: Final = ("invocation:*", "targets:*", "fleet:*", "history:*", "record:*", "claim:*",
                   "command:*", "live:*", "sealed:*", keys.FINISHED, keys.DUE, keys.OPEN, keys.INVOKED,
                   keys.COMPLETED, keys.STOPPING, keys.ENDED, keys.KEPT_BYTES)  # fmt: skip
"""What changes when a record does."""


@dataclass(frozen=True, slots=True)
class User:
    """One user of the server: its name, and its rules without the password."""

    name: str
    rules: str

    @property
    def rights(self) -> Rights:
        """Return what it may do, as the server tells it of a user (``store.users.rights``)."""
        words = _split(self.rules)
        selectors = [word for word in words if word.startswith("(")]
        parts = [set(words) - {*selectors, *_NOTHING.split()}, *(word.strip("()").split() for word in selectors)]
        return frozenset(map(frozenset, parts))

    def line(self, password: str, *, enabled: bool = True) -> str:
        """Return the line of an ACL file; the password is in it as a hash only."""
        return f"user {self.name} {' '.join(self.words(password, enabled=enabled))}"

    def words(self, password: str | None, *, enabled: bool = True) -> list[str]:
        """Return the words of ACL SETUSER behind the name; None leaves the password as it is."""
        login = [] if password is None else ["on" if enabled else "off", *_login(digest(password))]
        return [*login, *_split(self.rules)]

    def words_for(self, digest_of_password: str) -> list[str]:
        """Return them for a user who gets in, with the password of which this is the digest."""
        return ["on", *_login(digest_of_password), *_split(self.rules)]


def agent(instance_id: str, *, database: int = 0, remote_control: bool = False) -> User:
    """Return the user of one instance.

    ``remote_control`` lets ``celery inspect`` reach the agent: then it hears every broadcast of Celery's remote
    control, and can push to the queues of replies.
    """
    rules = [
        _connected(database),
        "+time +multi +exec",
        f"(+brpop +rpop +llen ~{topology.instance_queue(instance_id)} ~{topology.control_queue(instance_id)})",
        f"(+set +get ~{topology.claim_key(instance_id, '*')} ~{topology.presence_key(instance_id)})",
        f"(+get +mget %R~{topology.owner_key(instance_id)} %R~{topology.payload_key('*')} %R~{topology.KEY_SET_KEY})",
        f"(+lpush %W~{topology.REPORTS_QUEUE})",
        f"(+publish &/{database}.{topology.events_of(instance_id)}/*)",
    ]
    if remote_control:
        rules.append(_answering(database))
    return User(topology.agent_user(instance_id), " ".join(rules))


def activation(activation_id: str, *, database: int = 0) -> User:
    """Return the user of one activation: a machine with its code can ask, and read what it is answered; no more."""
    rules = [
        _connected(database),
        "+time",
        f"(+lpush %W~{topology.ENROLMENTS_QUEUE})",
        f"(+get %R~{topology.enrolled_key(activation_id, '*')})",
    ]
    return User(topology.activation_user(activation_id), " ".join(rules))


def user(role: Role, *, database: int = 0) -> User:
    """Return the user of a role that is not an instance's."""
    make = {
        Role.ADMIN: lambda _: "~* &* +@all",
        Role.PRODUCER: _producer,
        Role.CONTROL: _control,
        Role.DISPATCH: _dispatch,
        Role.BEAT: _beat,
        Role.FLOWER: _flower,
        Role.ENROL: _enrol,
    }[role]
    return User(role.value, make(database))


def others(acl_file: str, names: Collection[str]) -> list[str]:
    """Return the lines of an ACL file that are about other users than these, and than the nameless default one."""
    lines = [line for line in acl_file.splitlines() if line.startswith("user ")]
    return [line for line in lines if line.split()[1] not in {"default", *names}]


def new_password() -> str:
    """Return a password nobody can guess."""
    return secrets.token_urlsafe(USER_BYTES)


def digest(password: str) -> str:
    """Return what the server keeps of a password."""
    return hashlib.sha256(password.encode()).hexdigest()


def _producer(database: int) -> str:
    ledger = _keys(
        *_RECORDS, "calls:*", "token:*", "payload:*", keys.COMMANDS, keys.INVOCATIONS, keys.SEQUENCE,
        keys.PAGING_SECRET, keys.AUDIT_TRAIL, keys.SCHEDULES,
    )  # fmt: skip
    reads = _keys(
        "known:*", "identity:*", "output:*", "presence.*", "activation:*", "petition:*", keys.INSTANCES,
        keys.ACTIVATIONS, topology.KEY_SET_KEY, keys.CLAIMED, mode="%R",
    )  # fmt: skip
    return " ".join([
        _connected(database), "+time", _FUNCTIONS,
        f"({_CHANGES} {ledger})", f"({_READS} {reads})", _ORDERS, f"(+lpush %W~{keys.PETITIONS})",
        "(+subscribe +unsubscribe +publish &changes:*)",
    ])  # fmt: skip


def _control(database: int) -> str:
    ledger = _keys(
        *_RECORDS, "known:*", "output:*", "owner.*", keys.INSTANCES, keys.INVOCATIONS, keys.SCHEDULES, keys.RETIRED,
        keys.HISTORY_BYTES, keys.REJECTED, keys.REJECTED_COUNTS, keys.TAKERS, topology.KEY_SET_KEY,
    )  # fmt: skip
    reads = _keys("presence.*", "instance.*", "control.*", "identity:*", keys.EPOCHS, keys.REVOCATIONS,
                  keys.CLAIMED, mode="%R")  # fmt: skip
    reports = _keys(topology.REPORTS_QUEUE, "taken:*")
    return " ".join([
        _connected(database), "+time +info +function|load", _FUNCTIONS,
        f"({_CHANGES} {ledger})", f"({_READS} {reads})", f"({_CHANGES} +blmove +lmove +rename {reports})",
        f"(+llen +lpush ~{topology.DISPATCH_QUEUE})", "(+publish &changes:*)",
        _worker(topology.DEFAULT_QUEUE, database),
    ])  # fmt: skip


def _dispatch(database: int) -> str:
    ledger = _keys(*_RECORDS, "payload:*", keys.RETIRED, keys.CLAIMED)
    reads = _keys("known:*", "presence.*", topology.KEY_SET_KEY, mode="%R")
    return " ".join([
        _connected(database), "+time", _FUNCTIONS,
        f"({_CHANGES} {ledger})", f"({_READS} {reads})", _ORDERS,
        _worker(topology.DISPATCH_QUEUE, database),
    ])  # fmt: skip


def _beat(database: int) -> str:
    ledger = _keys("invocation:*", keys.SCHEDULES, keys.CLAIMED)
    return " ".join([
        _connected(database), "+time", _FUNCTIONS,
        f"({_CHANGES} {ledger})", f"(+llen +lpush ~{topology.DISPATCH_QUEUE})",
        "(+subscribe +unsubscribe &changes:schedules)",
    ])  # fmt: skip


def _enrol(database: int) -> str:
    """Return the rules of whoever brings instances in and lets them go.

    With the right to make users it could give itself any other: these rules keep it from mistakes, not from malice.
    """
    ledger = _keys(
        "activation:*", "admitted:*", "identity:*", "known:*", "owner.*", "token:*", "enrolled.*", "petition:*",
        keys.ACTIVATIONS, keys.LAPSING, keys.EPOCHS, keys.REVOCATIONS, keys.INSTANCES, keys.INVOKED, keys.COMPLETED,
        keys.SEQUENCE, keys.AUDIT_TRAIL, keys.REJECTED, keys.REJECTED_COUNTS,
    )  # fmt: skip
    left = _keys("presence.*", topology.instance_queue("*"), topology.control_queue("*"))
    return " ".join([
        _connected(database), "+time +acl|getuser +acl|setuser +acl|deluser +acl|save", _FUNCTIONS,
        f"({_CHANGES} {ledger})", f"(+del {left})",
        f"(+brpop +ltrim ~{topology.ENROLMENTS_QUEUE} ~{keys.PETITIONS})", "(+publish &changes:*)",
        _worker(topology.ENROL_QUEUE, database),
    ])  # fmt: skip


def _flower(database: int) -> str:
    """Return the rules of a padded cell: it hears events, and what it says is heard as questions only."""
    own = topology.FLOWER_EXCHANGE
    bindings = f"~_kombu.binding*.celeryev ~_kombu.binding*.reply.{own}.pidbox"
    return " ".join([
        _connected(database), "+multi +exec",
        f"(+psubscribe +punsubscribe &/{database}.celeryev/*)",
        f"(+publish &/{database}.{own}.pidbox)",
        f"(+llen %R~{topology.instance_queue('*')} {_keys(*topology.CONTROL_QUEUES, mode='%R')})",
        f"(+sadd +srem +smembers {bindings})",
        f"(+llen +del +brpop ~celeryev.* ~*.reply.{own}.pidbox)",
    ])  # fmt: skip


_ORDERS: Final = f"(+lpush %W~{topology.instance_queue('*')} %W~{topology.control_queue('*')})"
"""Orders go in, and nobody who sends them can take one out."""


def _worker(queue: str, database: int) -> str:
    """Return what Celery needs for a worker of the control plane that has this queue."""
    return " ".join([
        "+multi +exec", f"(+brpop +rpop +llen ~{queue})", f"(+publish &/{database}.celeryev/*)", _answering(database)
    ])  # fmt: skip


def _answering(database: int) -> str:
    """Return what it takes to hear Celery's remote control, and Flower's questions, and to answer."""
    boxes = [f"{exchange}.pidbox" for exchange in (topology.CONTROL_EXCHANGE, topology.FLOWER_EXCHANGE)]
    channels = " ".join(f"&/{database}.{box}" for box in boxes)
    return " ".join([
        f"(+psubscribe +punsubscribe {channels})",
        f"(+sadd +srem {_keys(*(f'_kombu.binding*.{box}' for box in boxes))})",
        f"(+llen +del {_keys(*(f'*@*.{box}' for box in boxes))})",
        f"(+smembers {_keys(*(f'_kombu.binding.reply.{box}' for box in boxes), mode='%R')})",
        f"(+lpush {_keys(*(f'*.reply.{box}' for box in boxes), mode='%W')})",
    ])  # fmt: skip


def _connected(database: int) -> str:
    """Return nothing but what redis-py says by itself on a connection."""
    return f"{_NOTHING} +ping +client|setinfo" + (" +select" if database else "")


def _keys(*patterns: str, mode: str = "") -> str:
    return " ".join(f"{mode}~{pattern}" for pattern in patterns)


def _login(digest_of_password: str) -> list[str]:
    return ["resetpass", f"#{digest_of_password}"]


def _split(rules: str) -> list[str]:
    """Return rules as words; a selector is one word."""
    return re.findall(r"\([^)]*\)|\S+", rules)
