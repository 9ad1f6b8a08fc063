-- Shared by the functions: the clock, and the one way in which a record changes its status.
-- Status, Terminal, Moves, Code and Claim are tables that the library writes from the Python enumerations.

-- Milliseconds since the epoch, by the server's clock: the only clock that judges a deadline.
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Move one instance of an invocation from one counter to another; from is nil where it is new.
local function count(invocation, from, to)
  if from then
    redis.call('HINCRBY', invocation, 'n.' .. from, -1)
  end
  redis.call('HINCRBY', invocation, 'n.' .. to, 1)
end

-- Give an invocation whose instances have all ended its end and its lifetime.
local function close_invocation(invocation, targets, retention_ms)
  local state = redis.call('HMGET', invocation, 'n.' .. Status.RUNNING, 'n.' .. Status.STOPPING, 'planned')
  if state[3] and tonumber(state[1] or 0) == 0 and tonumber(state[2] or 0) == 0 then
    redis.call('HSET', invocation, 'finish_time', now_ms())
    redis.call('PEXPIRE', invocation, retention_ms)
    redis.call('PEXPIRE', targets, retention_ms)
  end
end

-- Move a record, if the move is legal, and write its new fields. at: the keys of the record by name.
-- Returns whether it moved.
local function move(at, record_id, to, fields, retention_ms)
  local from = redis.call('HGET', at.record, 'status')
  if not from or not Moves[from][to] then
    return false
  end
  redis.call('HSET', at.record, 'status', to, unpack(fields))
  count(at.invocation, from, to)
  if Terminal[to] then
    redis.call('SREM', at.open, record_id)
    redis.call('ZREM', at.due, record_id)
    redis.call('PEXPIRE', at.record, retention_ms)
    local start_by = redis.call('HGET', at.invocation, 'start_by')
    redis.call('PEXPIREAT', at.claim, math.max(tonumber(start_by), now_ms()) + Claim.MARGIN_MS)
    close_invocation(at.invocation, at.targets, retention_ms)
  end
  return true
end
