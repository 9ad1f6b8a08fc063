-- Claim moments of recurring tasks, each once whoever asks. claims is a JSON array of [invoke_id, due, last, following,
-- missed, what]: following is the next moment, or the empty text; missed is how many moments are not made up for; what is
-- 'run', 'none' where nothing is to be run, or 'lost' where the last of all moments was missed, and its records are to fail.
-- KEYS: schedules claimed
-- ARGV: hold_ms claims
-- Returns: {occurrence …}, which dispatch is to plan
local function claim_occurrences(keys, args)
  local held = now_ms() + tonumber(args[1])
  local next, claimed, answer = {}, {}, {}
  for _, claim in ipairs(cjson.decode(args[2])) do
    local invoke_id, due, last, following, missed, what = unpack(claim)
    local invocation = Key.INVOCATION .. invoke_id
    if redis.call('EXISTS', invocation) == 0 then
      redis.call('ZREM', keys[1], invoke_id)
    elseif redis.call('ZSCORE', keys[1], invoke_id) == due then
      if following == '' then
        redis.call('ZREM', keys[1], invoke_id)
        redis.call('HSET', invocation, 'last_due', last)
      else
        next[#next + 1], next[#next + 2] = following, invoke_id
      end
      if missed > 0 then
        redis.call('HINCRBY', invocation, 'missed', missed)
      end
      if what == 'lost' then
        redis.call('HSET', invocation, 'lost', 1)
      end
      if what ~= 'none' then
        local occurrence = invoke_id .. '@' .. last
        claimed[#claimed + 1], claimed[#claimed + 2] = held, occurrence
        answer[#answer + 1] = occurrence
      end
    end
  end
  -- Together: each call from here costs more than what it does.
  if #next > 0 then
    redis.call('ZADD', keys[1], unpack(next))
  end
  if #claimed > 0 then
    redis.call('ZADD', keys[2], unpack(claimed))
  end
  return answer
end
