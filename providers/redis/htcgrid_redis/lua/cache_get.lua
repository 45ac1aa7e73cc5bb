-- Gives objects that are kept, and notes that they were used.
-- KEYS: used, names, objects, total
-- ARGV: now, names
local now = time(ARGV[1])
local found = redis.call('HMGET', KEYS[3], unpack(ARGV, 2))
for i, data in ipairs(found) do
    if data then redis.call('ZADD', KEYS[1], 'XX', now, ARGV[i + 1]) end
end
return found
