-- Shared by the functions: the instances of a recurring task, and what its runs mean for them.
-- An instance is Running until it is stopped, whatever the records of the single runs do; only the last moment of an
-- expression that has one makes it end by itself, as its last record did.

-- status; seen: the moment that was last considered; last: that of its last record; outcome: how that ended, or the
-- empty text; open: records that have not ended; repeats: those that have started; skipped: moments left out.
local Member = { 'status', 'seen', 'last', 'outcome', 'open', 'repeats', 'skipped' }

local function read_member(fleet, instance)
  local text = redis.call('HGET', fleet, instance)
  if not text then
    return nil
  end
  local member = {}
  for index, value in ipairs(cjson.decode(text)) do
    member[Member[index]] = value
  end
  return member
end

local function write_member(fleet, instance, member)
  local values = {}
  for index, name in ipairs(Member) do
    values[index] = member[name]
  end
  redis.call('HSET', fleet, instance, cjson.encode(values))
end

local function new_member(fleet, instance)
  local none = { status = Status.RUNNING, seen = 0, last = 0, outcome = '', open = 0, repeats = 0, skipped = 0 }
  write_member(fleet, instance, none)
end

-- Give an instance whose records have all ended the status that it has now, if that is another one, and write it down.
local function settle_member(schedule, instance, member, retention_ms)
  local at = { invocation = Key.INVOCATION .. schedule, targets = Key.TARGETS .. schedule }
  local to = nil
  if member.open == 0 and member.status == Status.STOPPING then
    to = Status.STOPPED
  elseif member.open == 0 and member.status == Status.RUNNING and member.outcome ~= '' then
    local last_due = redis.call('HGET', at.invocation, 'last_due')
    to = last_due and member.seen >= tonumber(last_due) and member.outcome or nil
  end
  if to then
    count(at, member.status, to)
    member.status = to
    local record = Key.RECORD .. schedule .. '@' .. string.format('%.0f', member.last) .. '.' .. instance
    if to == Status.FINISHED and redis.call('HGET', record, 'exit_code') ~= '0' then
      redis.call('HINCRBY', at.invocation, 'n.nonzero', 1)
    end
  end
  write_member(Key.FLEET .. schedule, instance, member)
  if to then
    close_invocation(at, retention_ms)
  end
end

-- Return the entry of an instance where its record is one of a recurring task; at.run is that task's run.
local function member_of(at, record_id)
  local schedule = at.run and at.run.schedule
  if schedule then
    local instance = string.match(record_id, '%.(.+)$')
    return read_member(Key.FLEET .. schedule, instance), schedule, instance
  end
end

-- Count a start.
local function note_repeat(at, record_id)
  local member, schedule, instance = member_of(at, record_id)
  if member then
    member.repeats = member.repeats + 1
    write_member(Key.FLEET .. schedule, instance, member)
  end
end

-- Give up the oldest runs of a recurring task.
local function retire(history, retired, schedule, count)
  if count > 0 then
    for _, moment in ipairs(redis.call('ZRANGE', history, 0, count - 1)) do
      redis.call('RPUSH', retired, schedule .. '@' .. moment)
      redis.call('ZREM', history, moment)
    end
  end
end

-- Count the output of a record, which is kept as long as its run; that of a run that is made once counts when it ends.
local function note_output(at, bytes)
  add(at, 'bytes', bytes)
  if at.run and at.run.schedule then
    redis.call('INCRBY', Key.HISTORY_BYTES, bytes)
  end
end

-- Note that a record has ended.
local function leave_fleet(at, record_id, status, retention_ms)
  local member, schedule, instance = member_of(at, record_id)
  if member then
    member.open = member.open - 1
    redis.call('HINCRBY', Key.INVOCATION .. schedule, 'n.open', -1)
    if member.last == at.run.due then
      member.outcome = status
    end
    settle_member(schedule, instance, member, retention_ms)
  end
end
