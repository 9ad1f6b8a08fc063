-- Shared by the functions: the one way in which a record changes its status, and what hangs on it.

-- Note that a record has started: it does not wait any more.
local function note_start(at, record_id, start_time)
  if redis.call('HSETNX', at.record, 'start_time', start_time) == 1 then
    redis.call('HINCRBY', at.invocation, 'n.pending', -1)
    note_repeat(at, record_id)
  end
end

-- Move a record, if the move is legal, and write its new fields. at: the keys of the record by name.
-- Returns whether it moved.
local function move(at, record_id, to, fields, retention_ms)
  local from, started = unpack(redis.call('HMGET', at.record, 'status', 'start_time'))
  if not from or not Moves[from][to] or redis.call('EXISTS', at.invocation) == 0 then
    return false
  end
  redis.call('HSET', at.record, 'status', to, 'update_time', now_ms(), unpack(fields))
  count(at.invocation, from, to)
  if from == Status.RUNNING and not started then
    redis.call('HINCRBY', at.invocation, 'n.pending', -1)
  end
  if to == Status.FINISHED and redis.call('HGET', at.record, 'exit_code') ~= '0' then
    redis.call('HINCRBY', at.invocation, 'n.nonzero', 1)
  end
  if Terminal[to] then
    redis.call('SREM', at.open, record_id)
    redis.call('ZREM', at.due, record_id)
    if redis.call('EXISTS', at.known) == 1 then
      redis.call('HINCRBY', at.known, 'invocation_count', 1)
    end
    local times = redis.call('HMGET', at.invocation, 'start_by', 'ends_by')
    -- It stays as long as its invocation, which may end later and is kept from then on.
    redis.call('PEXPIREAT', at.record, math.max(tonumber(times[2]), now_ms()) + retention_ms)
    redis.call('PEXPIREAT', at.claim, math.max(tonumber(times[1]), now_ms()) + Claim.MARGIN_MS)
    close_invocation(at, retention_ms)
    leave_fleet(at, record_id, to, retention_ms)
  end
  return true
end
