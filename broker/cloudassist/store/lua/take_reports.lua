-- Take reports into one aggregator's own list, after removing those that it has applied. Oldest first; what it had
-- taken before comes again until it says that it is done.
-- KEYS: reports taken takers
-- ARGV: taker done most most_bytes
-- Returns: the messages in the taken list
local function take_reports(keys, args)
  local reports, taken = keys[1], keys[2]
  redis.call('ZADD', keys[3], now_ms(), args[1])
  if tonumber(args[2]) > 0 then
    redis.call('LTRIM', taken, args[2], -1)
  end
  local held = redis.call('LRANGE', taken, 0, -1)
  local room = tonumber(args[3]) - #held
  if room <= 0 then
    return held
  end
  local newest_first = redis.call('LRANGE', reports, -room, -1)
  local bytes, count = 0, 0
  for index = #newest_first, 1, -1 do
    bytes = bytes + #newest_first[index]
    if bytes > tonumber(args[4]) and #held > 0 then
      break
    end
    count = count + 1
    held[#held + 1] = newest_first[index]
    redis.call('RPUSH', taken, newest_first[index])
  end
  if count > 0 then
    redis.call('LTRIM', reports, 0, -count - 1)
  end
  return held
end
