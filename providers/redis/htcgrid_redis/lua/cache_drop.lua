-- Lets go of objects by name, and of some whose names begin with a prefix; tells whether there may be more of these.
-- KEYS: used, names, objects, total
-- ARGV: prefix or '', limit, names
local used, names, objects, total = unpack(KEYS, 1, 4)
local doomed = { unpack(ARGV, 3) }
local more = {}
if ARGV[1] ~= '' then
    -- '0' comes after '/'.
    more = redis.call('ZRANGEBYLEX', names, '[' .. ARGV[1] .. '/', '(' .. ARGV[1] .. '0', 'LIMIT', 0, ARGV[2])
end
for _, list in ipairs({ doomed, more }) do
    for _, name in ipairs(list) do
        local size = redis.call('HSTRLEN', objects, name)
        if redis.call('HDEL', objects, name) == 1 then redis.call('DECRBY', total, size) end
        redis.call('ZREM', used, name)
        redis.call('ZREM', names, name)
    end
end
return #more == tonumber(ARGV[2]) and 1 or 0
