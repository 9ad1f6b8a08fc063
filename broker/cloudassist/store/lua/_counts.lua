-- Shared by the functions: how many instances of an invocation have which status, and when all have ended; and how many
-- records of the region have ended, and how.

-- Return under which name an end is counted. An instance does not make one up.
local function outcome_of(status, error_code)
  return status .. ':' .. ((error_code == '' or Known[error_code]) and error_code or 'other')
end

-- Count ends by their names, once for all that are told. A role whose rights are those of an older version may not, and
-- ends records all the same.
local function count_ends(outcomes)
  for outcome, number in pairs(outcomes) do
    redis.pcall('HINCRBY', Key.ENDED, outcome, number)
  end
end

-- Note that a record is to stop, or is no longer; with the same restraint.
local function note_stopping(record_id, since)
  if since then
    redis.pcall('ZADD', Key.STOPPING, since, record_id)
  else
    redis.pcall('ZREM', Key.STOPPING, record_id)
  end
end

-- Return what the functions need to know of an invocation, nil where there is none. schedule and due are those of one run
-- of a recurring task.
local function read_run(invocation)
  local ends_by, start_by, schedule, due, creation_time =
    unpack(redis.call('HMGET', invocation, 'ends_by', 'start_by', 'schedule', 'due', 'creation_time'))
  if not ends_by then
    return nil
  end
  return {
    ends_by = tonumber(ends_by), start_by = tonumber(start_by), schedule = schedule, due = tonumber(due),
    creation_time = tonumber(creation_time),
  }
end

-- Add to a counter of an invocation; where at has a table of deltas, once for all that it is told meanwhile.
local function add(at, name, delta)
  if at.deltas then
    at.deltas[name] = (at.deltas[name] or 0) + delta
  else
    redis.call('HINCRBY', at.invocation, name, delta)
  end
end

-- Move one instance of an invocation from one counter to another; from is nil where it is new.
local function count(at, from, to)
  if from then
    add(at, 'n.' .. from, -1)
  end
  add(at, 'n.' .. to, 1)
end

-- Give an invocation whose instances have all ended its end and its lifetime, and let its command go. One run of a
-- recurring task has no command and no place among the finished ones: it goes with its task.
local function close_invocation(at, retention_ms)
  local state = redis.call(
    'HMGET', at.invocation, 'n.' .. Status.RUNNING, 'n.' .. Status.STOPPING, 'planned', 'command_id', 'schedule',
    'bytes', 'finish_time'
  )
  if state[3] and not state[7] and tonumber(state[1] or 0) == 0 and tonumber(state[2] or 0) == 0 then
    local invoke_id = string.sub(at.invocation, #Key.INVOCATION + 1)
    redis.call('HSET', at.invocation, 'finish_time', now_ms())
    if state[5] then
      -- Longer than its output: who removes it counts that.
      redis.call('PEXPIRE', at.invocation, retention_ms + Key.MARGIN_MS)
      return
    end
    local size = tonumber(state[6] or 0) + Key.RECORD_BYTES * redis.call('LLEN', at.targets)
    redis.call('HSET', at.invocation, 'size', size)
    redis.call('INCRBY', Key.KEPT_BYTES, size)
    redis.call('PEXPIRE', at.invocation, retention_ms)
    for _, key in ipairs({ at.targets, Key.FLEET .. invoke_id, Key.HISTORY .. invoke_id }) do
      redis.call('PEXPIRE', key, retention_ms)
    end
    redis.call('DEL', Key.SEALED .. invoke_id)
    redis.call('ZADD', Key.FINISHED, now_ms(), invoke_id)
    release_command(state[4], invoke_id)
  end
end

-- Write down what was added up, and see whether all have ended.
local function settle_counts(at, retention_ms)
  for name, delta in pairs(at.deltas) do
    if delta ~= 0 then
      redis.call('HINCRBY', at.invocation, name, delta)
    end
  end
  at.deltas = nil
  close_invocation(at, retention_ms)
end
