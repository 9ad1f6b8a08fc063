"""Backups of the ledger, as docs/operations.md says that they are made, and servers that begin with one."""

import shutil
from pathlib import Path

import redis

from support.waiting import wait_until


def copy_file(server: redis.Redis, data: Path, backup: Path) -> list[str]:
    """Copy the append-only file while its server works; return how a server is started with it."""
    percentage = server.config_get("auto-aof-rewrite-percentage")["auto-aof-rewrite-percentage"]
    server.config_set("auto-aof-rewrite-percentage", 0)
    wait_until(lambda: not server.info("persistence")["aof_rewrite_in_progress"], "no rewrite of the file")
    shutil.copytree(data / "appendonlydir", backup / "appendonlydir")
    server.config_set("auto-aof-rewrite-percentage", percentage)
    return ["--appendonly", "yes"]


def take_snapshot(server: redis.Redis, data: Path, backup: Path) -> list[str]:
    """Have the server write a snapshot, and copy that; its append-only file is switched on once it is loaded."""
    server.bgsave()
    wait_until(lambda: not server.info("persistence")["rdb_bgsave_in_progress"], "the snapshot")
    assert server.info("persistence")["rdb_last_bgsave_status"] == "ok"
    backup.mkdir(parents=True, exist_ok=True)
    shutil.copy(data / "dump.rdb", backup / "dump.rdb")
    return ["--appendonly", "no"]
