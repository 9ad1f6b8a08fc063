-- Give up runs of a recurring task that are too old, and a tenth of the rest where all outputs together are too large; the
-- newest one stays.
-- KEYS: history retired bytes
-- ARGV: invoke_id retention_ms most_bytes
-- FLAGS: allow-oom
-- Returns: how many
local function retire_runs(keys, args)
  local old = redis.call('ZCOUNT', keys[1], '-inf', now_ms() - tonumber(args[2]))
  local left = redis.call('ZCARD', keys[1]) - old
  if tonumber(redis.call('GET', keys[3]) or 0) > tonumber(args[3]) then
    old = old + math.min(math.ceil(left / 10), math.max(0, left - 1))
  end
  retire(keys[1], keys[2], args[1], old)
  return old
end
