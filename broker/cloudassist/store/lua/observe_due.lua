-- Take the records that a sweeper should look at, keep other sweepers from them for a while, and tell what is known of
-- them. Whether an order that nobody has claimed lies in its queue is noted, for the next look.
-- KEYS: due
-- ARGV: most hold_ms
-- Returns: {now}, and where something is due, as JSON: [[record_id, [status, start_time, tries, waited], [planned,
-- creation_time, deliver_by, start_by, timeout], claim, presence, orders, stops] …]; what is not there is false.

-- Note whether an order waits; the record is only touched where that has changed.
local function note_waiting(record_id, waited, waits)
  if waits and not waited then
    redis.call('HSET', Key.RECORD .. record_id, 'waited', 1)
  elseif waited and not waits then
    redis.call('HDEL', Key.RECORD .. record_id, 'waited')
  end
end

local function observe(record_id, invocation)
  local instance = instance_of(record_id)
  local record = redis.call('HMGET', Key.RECORD .. record_id, 'status', 'start_time', 'tries', 'waited')
  local claim = redis.call('GET', Key.CLAIM .. instance .. ':' .. record_id)
  local orders = redis.call('LLEN', Key.ORDERS .. instance)
  if record[1] == Status.RUNNING then
    note_waiting(record_id, record[4], orders > 0 and not claim)
  end
  local presence, stops = redis.call('GET', Key.PRESENCE .. instance), redis.call('LLEN', Key.STOPS .. instance)
  return { record_id, record, invocation, claim, presence, orders, stops }
end

local function observe_due(keys, args)
  local now, seen, invocations = now_ms(), {}, {}
  for index, record_id in ipairs(redis.call('ZRANGE', keys[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, args[1])) do
    redis.call('ZADD', keys[1], now + tonumber(args[2]), record_id)
    local invoke_id = invocation_of(record_id)
    if not invocations[invoke_id] then
      invocations[invoke_id] = redis.call(
        'HMGET', Key.INVOCATION .. invoke_id, 'planned', 'creation_time', 'deliver_by', 'start_by', 'timeout'
      )
    end
    seen[index] = observe(record_id, invocations[invoke_id])
  end
  return #seen > 0 and { now, cjson.encode(seen) } or { now }
end
