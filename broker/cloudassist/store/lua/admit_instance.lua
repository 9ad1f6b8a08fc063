-- Make an instance of a machine whose request was verified, if its activation still allows one, in one step: two machines
-- cannot share the last use, nor a name. Asked again by the same key, it answers what it did before.
-- KEYS: activation admitted reply instances epochs trail
-- ARGV: activation_id public_key machine_id name hostname expires request_ms known_ms password digest tries
-- Returns: {admitted, or again, instance_id, epoch, password, digest, tags}, {refused, cause}, or {void, reason}

-- Return why a request is not looked at: it came too late, or has been here before.
local function why_void(reply, expires, request_ms)
  local now = now_ms()
  if expires < now or expires > now + request_ms then
    return 'expired'
  end
  -- Nothing can be asked twice: the token is remembered for longer than the request is valid.
  if not redis.call('SET', reply, '', 'NX', 'PX', 2 * request_ms) then
    return 'replayed'
  end
end

-- Return why an activation lets nobody in; it says nothing of its count, which does not matter to those who are in.
local function why_closed(activation)
  if not activation.verifier then
    return Cause.NO_ACTIVATION
  elseif activation.disabled == '1' then
    return Cause.DISABLED
  elseif now_ms() >= tonumber(activation.expires) then
    return Cause.EXPIRED
  end
end

local function is_taken(name)
  return redis.call('EXISTS', Key.INSTANCE .. name, Key.IDENTITY .. name) > 0
end

-- Return the name of the next instance of an activation with a prefix, and its number.
local function next_name(activation, tries)
  local width = #activation.count
  local last = tonumber(activation.last or 0)
  for number = last + 1, last + tries do
    local name = activation.prefix .. '-' .. string.format('%0' .. width .. 'd', number)
    if not is_taken(name) then
      return name, number
    end
  end
end

-- Return the name that a machine gets, or nil and why it gets none.
local function name_for(key, activation, wished, hostname, tries)
  local begin = activation.prefix .. '-'
  if wished == '' and activation.prefix ~= '' then
    local name, number = next_name(activation, tries)
    if name then
      redis.call('HSET', key, 'last', number)
    end
    return name, Cause.NAME_TAKEN
  end
  local name = wished == '' and hostname or wished
  if name == '' or name == '?' then
    return nil, Cause.NAME_REFUSED
  end
  if activation.prefix ~= '' and string.sub(name, 1, #begin) ~= begin then
    return nil, Cause.NAME_REFUSED
  end
  if is_taken(name) then
    return nil, Cause.NAME_TAKEN
  end
  return name
end

local function admit_instance(keys, args)
  local void = why_void(keys[3], tonumber(args[6]), tonumber(args[7]))
  if void then
    return { 'void', void }
  end
  local activation = {}
  local fields = { 'verifier', 'disabled', 'expires', 'count', 'registered', 'prefix', 'last', 'tags', 'caller' }
  for index, value in ipairs(redis.call('HMGET', keys[1], unpack(fields))) do
    activation[fields[index]] = value or nil
  end
  local closed = why_closed(activation)
  if closed then
    return { 'refused', closed }
  end
  local before = redis.call('HGET', keys[2], args[2])
  if before then
    local answer = cjson.decode(before)
    local machine = redis.call('HGET', Key.IDENTITY .. answer[2], 'machine_id')
    if machine and machine ~= '' and args[3] ~= '' and machine ~= args[3] then
      return { 'refused', Cause.OTHER_MACHINE }
    end
    answer[1] = 'again'
    return answer
  end
  if tonumber(activation.registered or 0) >= tonumber(activation.count) then
    return { 'refused', Cause.USED_UP }
  end
  local name, why = name_for(keys[1], activation, args[4], args[5], tonumber(args[11]))
  if not name then
    return { 'refused', why }
  end
  local now, epoch = now_ms(), redis.call('HGET', keys[5], name) or '0'
  local who = { 'public_key', args[2], 'machine_id', args[3], 'epoch', epoch, 'activation_id', args[1] }
  redis.call('HSET', Key.IDENTITY .. name, unpack(who))
  redis.call('HSET', Key.INSTANCE .. name, 'registration_time', now, 'hostname', args[5], 'tags', activation.tags, unpack(who))
  redis.call('ZADD', keys[4], 0, name)
  redis.call('SET', Key.OWNER .. name, args[2] .. '/' .. args[3])
  redis.call('HINCRBY', keys[1], 'registered', 1)
  local answer = { 'admitted', name, epoch, args[9], args[10], activation.tags }
  redis.call('HSET', keys[2], args[2], cjson.encode(answer))
  redis.call('PEXPIREAT', keys[2], tonumber(activation.expires) + tonumber(args[8]))
  local act = { 'caller', activation.caller, 'operation', 'RegisterManagedInstance', 'subject', args[1] }
  for _, word in ipairs({ 'instances', name, 'instance_count', '1' }) do
    act[#act + 1] = word
  end
  audit(keys[6], cjson.encode(act))
  return answer
end
