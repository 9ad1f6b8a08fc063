-- Take reports into one aggregator's own list, after removing those that it has applied. Oldest first; what it had
-- taken before comes again until it says that it is done. Where more wait than may, some of the newest are dropped: one
-- instance must not fill the server, and what it drops of others is told again, since their records stay silent.
-- KEYS: reports taken takers counts revocations
-- ARGV: taker done most most_bytes waiting_most waiting_bytes dropped_most reason
-- FLAGS: allow-oom
-- Returns: {how many are left for later, the messages to be applied now, how many instances were deregistered so far}
local Sample, Piece = 5, 100

-- Return how many reports may wait: fewer than else where the newest ones are large.
local function waiting_most(reports, most, most_bytes)
  local newest = redis.call('LRANGE', reports, 0, Sample - 1)
  local bytes = 1
  for _, message in ipairs(newest) do
    bytes = bytes + #message
  end
  return math.min(most, math.floor(most_bytes / bytes * #newest))
end

-- Drop some of the newest reports where more would be left than may be.
local function drop_newest(reports, waiting, counts, args)
  if waiting <= tonumber(args[3]) then
    return 0
  end
  local excess = waiting - tonumber(args[3]) - waiting_most(reports, tonumber(args[5]), tonumber(args[6]))
  local dropped = math.min(excess, tonumber(args[7]))
  if dropped <= 0 then
    return 0
  end
  redis.call('LTRIM', reports, dropped, -1)
  redis.call('HINCRBY', counts, args[8], dropped)
  return dropped
end

-- Move what waits to an empty list: all at once where that leaves nobody else without, for it costs nothing per report.
local function fill(reports, taken, waiting, most, takers)
  if waiting <= most or redis.call('ZCARD', takers) == 1 then
    redis.call('RENAME', reports, taken)
    return
  end
  for _ = 1, most do
    redis.call('LMOVE', reports, taken, 'RIGHT', 'LEFT')
  end
end

-- Return the oldest messages of a list, not many more bytes than most_bytes.
local function oldest_of(taken, most, most_bytes)
  local found, bytes = {}, 0
  while #found < most and bytes <= most_bytes do
    local piece = redis.call('LRANGE', taken, -#found - Piece, -#found - 1)
    for index = #piece, 1, -1 do
      if #found < most and bytes <= most_bytes then
        found[#found + 1] = piece[index]
        bytes = bytes + #piece[index]
      end
    end
    if #piece < Piece then
      break
    end
  end
  return found
end

local function take_reports(keys, args)
  local reports, taken, takers = keys[1], keys[2], keys[3]
  redis.call('ZADD', takers, now_ms(), args[1])
  if tonumber(args[2]) > 0 then
    redis.call('LTRIM', taken, 0, -tonumber(args[2]) - 1)
  end
  local waiting = redis.call('LLEN', reports)
  waiting = waiting - drop_newest(reports, waiting, keys[4], args)
  local held = redis.call('LLEN', taken)
  if held == 0 and waiting > 0 then
    fill(reports, taken, waiting, tonumber(args[3]), takers)
  end
  local found = oldest_of(taken, tonumber(args[3]), tonumber(args[4]))
  return { held + waiting - #found, found, tonumber(redis.call('GET', keys[5]) or 0) }
end
