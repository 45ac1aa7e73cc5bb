-- Deletes some bundles of a session that is over, so that nobody has to look past them; tells whether more are left.
-- KEYS: header, bundles, open, due, wait, sweep
-- ARGV: sid, limit
local header, bundles, open = unpack(KEYS, 1, 3)
local keys = { due = KEYS[4], wait = KEYS[5] }
local sid, limit = ARGV[1], tonumber(ARGV[2])
local facts = redis.pcall('HMGET', header, 'state', 'pool')
if facts.err then facts = {} end
local state = tonumber(facts[1])
if state and state < CANCELLED then
    redis.call('SREM', KEYS[6], sid)
    return 0
end
local fields = redis.pcall('ZRANGE', open, 0, limit - 1)
if fields.err then fields = {} end
for _, field in ipairs(fields) do
    local record, damaged = load(bundles, field)
    if record then unlist(keys, facts[2] or '', sid .. '/' .. field, record) end
    if damaged then redis.call('ZREM', keys.due, sid .. '/' .. field) end
    redis.pcall('HDEL', bundles, field)
    redis.call('ZREM', open, field)
end
if #fields == limit then return 1 end
redis.call('SREM', KEYS[6], sid)
return 0
