"""Whatever is written goes away by itself, but what is meant to stay (see the table in cloudassist.store.keys)."""

from fnmatch import fnmatchcase

import redis

from cloudassist.store import keys


def keys_without_lifetime(client: redis.Redis) -> list[str]:
    """Return the keys that will never go away and are not meant to stay."""
    permanent = [row.pattern for row in keys.TABLE if row.lifetime == keys.PERMANENT]
    kept = {keys.command(command_id) for command_id in client.zrange(keys.COMMANDS, 0, -1)}

    going_on = set(client.zrange(keys.SCHEDULES, 0, -1))
    live = [row.pattern for row in keys.TABLE if row.lifetime == keys.LIVE]

    def may_stay(name: str) -> bool:
        if any(fnmatchcase(name, pattern) for pattern in live):
            return name.partition(":")[2] in going_on
        if name.startswith(keys.command("")):
            return name in kept
        return any(fnmatchcase(name, pattern) for pattern in permanent)

    names = [name for name in client.scan_iter(count=1_000) if not may_stay(name)]
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.ttl(name)
        return sorted(name for name, ttl in zip(names, pipe.execute(), strict=True) if ttl == -1)
