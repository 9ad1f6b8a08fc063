-- Shared by the functions: the one way in which a record changes its status, and what hangs on it.

-- Move one instance of an invocation from one counter to another; from is nil where it is new.
local function count(invocation, from, to)
  if from then
    redis.call('HINCRBY', invocation, 'n.' .. from, -1)
  end
  redis.call('HINCRBY', invocation, 'n.' .. to, 1)
end

-- Give an invocation whose instances have all ended its end and its lifetime, and let its command go.
local function close_invocation(at, retention_ms)
  local state = redis.call(
    'HMGET', at.invocation, 'n.' .. Status.RUNNING, 'n.' .. Status.STOPPING, 'planned', 'command_id'
  )
  if state[3] and tonumber(state[1] or 0) == 0 and tonumber(state[2] or 0) == 0 then
    local invoke_id = string.sub(at.invocation, #Key.INVOCATION + 1)
    redis.call('HSET', at.invocation, 'finish_time', now_ms())
    redis.call('PEXPIRE', at.invocation, retention_ms)
    redis.call('PEXPIRE', at.targets, retention_ms)
    redis.call('ZADD', Key.FINISHED, now_ms(), invoke_id)
    release_command(state[4], invoke_id)
  end
end

-- Note that a record has started: it does not wait any more.
local function note_start(at, start_time)
  if redis.call('HSETNX', at.record, 'start_time', start_time) == 1 then
    redis.call('HINCRBY', at.invocation, 'n.pending', -1)
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
  end
  return true
end
