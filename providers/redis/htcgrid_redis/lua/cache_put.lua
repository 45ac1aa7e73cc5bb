-- Keeps objects that are not kept yet, and makes room by letting go of those used longest ago.
-- KEYS: used, names, objects, total
-- ARGV: now, life, limit, {name, data} of each object
local used, names, objects, total = unpack(KEYS, 1, 4)
local now, life, limit = time(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
-- One of the keys went by itself, as on a server that evicts some: the others say nothing true any more.
if redis.call('EXISTS', unpack(KEYS)) < #KEYS then redis.call('UNLINK', unpack(KEYS)) end
for i = 4, #ARGV, 2 do
    if redis.call('HSETNX', objects, ARGV[i], ARGV[i + 1]) == 1 then
        redis.call('ZADD', used, now, ARGV[i])
        redis.call('ZADD', names, 0, ARGV[i])
        redis.call('INCRBY', total, #ARGV[i + 1])
    end
end
while tonumber(redis.call('GET', total) or 0) > limit do
    local oldest = redis.call('ZPOPMIN', used)[1]
    if not oldest then break end
    redis.call('DECRBY', total, redis.call('HSTRLEN', objects, oldest))
    redis.call('HDEL', objects, oldest)
    redis.call('ZREM', names, oldest)
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, life) end
