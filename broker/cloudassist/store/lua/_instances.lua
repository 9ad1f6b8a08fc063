-- Shared by the functions: which records each instance has open, when it last got one, and how many it has completed. One
-- key of each for all instances, so that a batch costs a few commands and not a few per record.

-- Return the instance of a record.
local function instance_of(record_id)
  return string.match(record_id, '%.(.+)$')
end

-- Return the invocation of a record, or its run.
local function invocation_of(record_id)
  return string.match(record_id, '^([^.]+)')
end

-- Return the entry of a record among the open ones: those of one instance lie together.
local function open_entry(record_id)
  return instance_of(record_id) .. '/' .. record_id
end

-- Return how many records of an instance are open. '0' is what follows the slash, which no id has.
local function count_open(instance)
  return redis.call('ZLEXCOUNT', Key.OPEN, '[' .. instance .. '/', '(' .. instance .. '0')
end

-- Write down that records were given to their instances, and when the sweeper is to look at them.
local function note_given(due, record_ids, now, check_ms)
  local open, looks, times = {}, {}, {}
  for index, record_id in ipairs(record_ids) do
    open[2 * index - 1], open[2 * index] = 0, open_entry(record_id)
    looks[2 * index - 1], looks[2 * index] = now + check_ms, record_id
    times[2 * index - 1], times[2 * index] = instance_of(record_id), now
  end
  if #record_ids > 0 then
    redis.call('ZADD', Key.OPEN, unpack(open))
    redis.call('ZADD', due, unpack(looks))
    redis.call('HSET', Key.INVOKED, unpack(times))
  end
end

-- Write down that records of different instances have ended, and how.
local function note_completed(due, record_ids, outcomes)
  if #record_ids == 0 then
    return
  end
  local open, instances, counts = {}, {}, {}
  for index, record_id in ipairs(record_ids) do
    open[index], instances[index] = open_entry(record_id), instance_of(record_id)
  end
  for index, count in ipairs(redis.call('HMGET', Key.COMPLETED, unpack(instances))) do
    counts[2 * index - 1], counts[2 * index] = instances[index], (count or 0) + 1
  end
  redis.call('ZREM', due, unpack(record_ids))
  redis.call('ZREM', Key.OPEN, unpack(open))
  redis.call('HSET', Key.COMPLETED, unpack(counts))
  count_ends(outcomes)
end
