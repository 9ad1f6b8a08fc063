-- Claim moments of recurring tasks, each once whoever asks. claims is a JSON array of [due, last, following, missed, what,
-- [invoke_id …]]: following is the next moment, or the empty text; missed is how many moments are not made up for; what
-- is 'run', 'none' where nothing is to be run, or 'lost' where the last of all moments was missed, and its records are to
-- fail.
-- KEYS: schedules claimed
-- ARGV: hold_ms claims
-- Returns: the occurrences that dispatch is to plan, as one text

-- Claim the moments of one element of claims; what is to be written for all of them is added to the lists in to.
local function claim_together(schedules, claim, to)
  local due, last, following, missed, what, names = unpack(claim)
  local invocations = {}
  for index, invoke_id in ipairs(names) do
    invocations[index] = Key.INVOCATION .. invoke_id
  end
  -- Together: each call from here costs more than what it does.
  local all_exist = redis.call('EXISTS', unpack(invocations)) == #invocations
  for index, invoke_id in ipairs(names) do
    if not all_exist and redis.call('EXISTS', invocations[index]) == 0 then
      redis.call('ZREM', schedules, invoke_id)
    elseif redis.call('ZSCORE', schedules, invoke_id) == due then
      if following == '' then
        redis.call('ZREM', schedules, invoke_id)
        redis.call('HSET', invocations[index], 'last_due', last)
      else
        to.next[#to.next + 1], to.next[#to.next + 2] = following, invoke_id
      end
      if missed > 0 then
        redis.call('HINCRBY', invocations[index], 'missed', missed)
      end
      if what == 'lost' then
        redis.call('HSET', invocations[index], 'lost', 1)
      end
      if what ~= 'none' then
        local occurrence = invoke_id .. '@' .. last
        to.claimed[#to.claimed + 1], to.claimed[#to.claimed + 2] = to.held, occurrence
        to.answer[#to.answer + 1] = occurrence
      end
    end
  end
end

local function claim_occurrences(keys, args)
  local to = { held = now_ms() + tonumber(args[1]), next = {}, claimed = {}, answer = {} }
  for _, claim in ipairs(cjson.decode(args[2])) do
    claim_together(keys[1], claim, to)
  end
  if #to.next > 0 then
    redis.call('ZADD', keys[1], unpack(to.next))
  end
  if #to.claimed > 0 then
    redis.call('ZADD', keys[2], unpack(to.claimed))
  end
  return table.concat(to.answer, ' ')
end
