-- Claim moments of recurring tasks, each once whoever asks, and name what dispatch is to plan: what was claimed now, and
-- what was claimed a while ago and has not been planned since.
-- following is the next moment, or the empty text; missed is how many moments are not made up for; what is 'run', 'none'
-- where nothing is to be run, or 'lost' where the last of all moments was missed, and its records are to fail.
-- KEYS: schedules claimed
-- ARGV: hold_ms most (invoke_id due last following missed what)*
-- Returns: {occurrence …}
local function claim_occurrences(keys, args)
  local now = now_ms()
  for index = 3, #args, 6 do
    local invoke_id, due, last, following, missed, what = unpack(args, index, index + 5)
    local invocation = Key.INVOCATION .. invoke_id
    if redis.call('ZSCORE', keys[1], invoke_id) == due then
      if following == '' then
        redis.call('ZREM', keys[1], invoke_id)
        if redis.call('EXISTS', invocation) == 1 then
          redis.call('HSET', invocation, 'last_due', last)
        end
      else
        redis.call('ZADD', keys[1], following, invoke_id)
      end
      if missed ~= '0' then
        redis.call('HINCRBY', invocation, 'missed', missed)
      end
      if what == 'lost' then
        redis.call('HSET', invocation, 'lost', 1)
      end
      if what ~= 'none' then
        redis.call('ZADD', keys[2], now, invoke_id .. '@' .. last)
      end
    end
  end
  local answer = redis.call('ZRANGE', keys[2], '-inf', now, 'BYSCORE', 'LIMIT', 0, args[2])
  for _, occurrence in ipairs(answer) do
    redis.call('ZADD', keys[2], now + tonumber(args[1]), occurrence)
  end
  return answer
end
