-- Take reports into one aggregator's own list, after removing those that it has applied. Oldest first; what it had
-- taken before comes again until it says that it is done. Where more wait than may, some of the newest are dropped: one
-- instance must not fill the server, and what it drops of others is told again, since their records stay silent.
-- KEYS: reports taken takers counts
-- ARGV: taker done most most_bytes waiting_most waiting_bytes dropped_most reason
-- FLAGS: allow-oom
-- Returns: {how many are left waiting, the messages in the taken list}
local Sample = 5

-- Return how many reports may wait: fewer than else where the newest ones are large.
local function waiting_most(reports, most, most_bytes)
  local newest = redis.call('LRANGE', reports, 0, Sample - 1)
  local bytes = 1
  for _, message in ipairs(newest) do
    bytes = bytes + #message
  end
  return math.min(most, math.floor(most_bytes / bytes * #newest))
end

local function take_reports(keys, args)
  local reports, taken = keys[1], keys[2]
  redis.call('ZADD', keys[3], now_ms(), args[1])
  if tonumber(args[2]) > 0 then
    redis.call('LTRIM', taken, args[2], -1)
  end
  local held = redis.call('LRANGE', taken, 0, -1)
  local most, most_bytes, bytes, count = tonumber(args[3]), tonumber(args[4]), 0, 0
  local waiting = redis.call('LLEN', reports)
  while #held < most and count < waiting and bytes <= most_bytes do
    -- Moved one by one, and not copied: so no report goes through the append-only file twice.
    held[#held + 1] = redis.call('LMOVE', reports, taken, 'RIGHT', 'RIGHT')
    bytes, count = bytes + #held[#held], count + 1
  end
  if waiting - count > most then
    local excess = waiting - count - waiting_most(reports, tonumber(args[5]), tonumber(args[6]))
    local dropped = math.min(excess, tonumber(args[7]))
    if dropped > 0 then
      redis.call('LTRIM', reports, dropped, -1)
      redis.call('HINCRBY', keys[4], args[8], dropped)
    end
  end
  return { redis.call('LLEN', reports), held }
end
