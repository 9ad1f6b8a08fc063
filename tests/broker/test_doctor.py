from collections import Counter
from dataclasses import replace

import pytest

from cloudassist import schema
from cloudassist.doctor import CHECKS, Fleet, Reading

INFO = {
    "server_name": "valkey", "valkey_version": "9.1.2", "redis_version": "7.2.4", "aof_enabled": 1,
    "aof_last_write_status": "ok", "maxmemory_policy": "noeviction", "used_memory": 10 * 2**20, "maxmemory": 0,
    "maxclients": 10_000, "connected_clients": 40,
}  # fmt: skip
FLEET = Fleet(schemas=Counter({schema.CURRENT: 3}), versions=Counter({"1.0": 3}), wrong_clocks=())
WELL = Reading(
    now=1_000_000, offset=3, info=INFO, user="admin", users=Counter(admin=1, dispatch=2, control=3), absent=(),
    differing=(), beats=2, takers={"me": 999_000}, waiting=0, overdue=0,
    late_moments=0, fleet=FLEET,
)  # fmt: skip
ILL = [
    ({"info": INFO | {"valkey_version": "7.2.5"}}, "server", "Valkey 8.0 or newer"),
    ({"info": INFO | {"server_name": "redis", "redis_version": "7.0.15"}}, "server", "Redis 7.2 or newer"),
    ({"info": INFO | {"aof_enabled": 0}}, "persistence", "appendonly yes"),
    ({"info": INFO | {"aof_last_write_status": "err"}}, "persistence", "disk"),
    ({"info": INFO | {"maxmemory_policy": "allkeys-lru"}}, "eviction", "noeviction"),
    ({"info": INFO | {"maxmemory": 11 * 2**20}}, "memory", "maxmemory"),
    ({"fleet": replace(FLEET, schemas=Counter({schema.CURRENT: 2_000}))}, "connections", "maxclients 18200"),
    ({"user": "default"}, "users", "assist acl"),
    ({"absent": ("enrol",)}, "rights", "acl --apply --roles --passwords"),
    ({"differing": ("flower",)}, "rights", "acl --apply --roles"),
    ({"offset": -5_000}, "clock", "set the clock of this machine:"),
    ({"fleet": replace(FLEET, wrong_clocks=["web-2"])}, "clock", "set the clock of web-2:"),
    ({"fleet": replace(FLEET, wrong_clocks=list("abcdefg"))}, "clock", "a, b, c, d, e and 2 more:"),
    ({"takers": {}}, "control", "celery -A cloudassist worker"),
    ({"takers": {"dead": 1}}, "control", "celery -A cloudassist worker"),
    ({"waiting": 50_000}, "control", "another control worker"),
    ({"overdue": 2}, "overdue", "control workers"),
    ({"users": Counter(admin=1)}, "dispatch", "CLOUDASSIST_ROLE=dispatch"),
    ({"beats": 0}, "beats", "cloudassist_beat"),
    ({"late_moments": 1}, "beats", "held up"),
    ({"fleet": replace(FLEET, schemas=Counter({schema.OLDEST - 1: 1}))}, "agents", "upgrade 1 of them"),
]


def test_nothing_is_to_be_done_where_all_is_well():
    assert [check(WELL).remedy for check in CHECKS] == [""] * len(CHECKS)


@pytest.mark.parametrize(("change", "name", "remedy"), ILL, ids=lambda value: str(value)[:30])
def test_what_is_not_well_is_told_with_its_remedy(change, name, remedy):
    (found,) = [check for check in (look(replace(WELL, **change)) for look in CHECKS) if not check.well]
    assert (found.name, remedy in found.remedy) == (name, True), found


def test_an_older_redis_and_one_that_has_room_are_well():
    for info in (INFO | {"server_name": "redis", "redis_version": "7.2.0"}, INFO | {"maxmemory": 2**30}):
        assert all(look(replace(WELL, info=info)).well for look in CHECKS)
