-- Shared by the functions: the audit trail. An act is written down by the function that carries it out, so that nothing
-- happens without its entry. What is refused has no effect; whoever asked writes that down.

-- act: a JSON array of fields and values.
local function audit(trail, act)
  redis.call('XADD', trail, 'MAXLEN', '~', Audit.MOST, '*', 'outcome', Audit.OK, unpack(cjson.decode(act)))
end
