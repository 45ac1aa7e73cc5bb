-- Remembers what an agent says of itself, and forgets some that were silent for a day.
-- KEYS: heard, pools, reports
-- ARGV: now, id, pool, report
local now, id, pool = time(ARGV[1]), ARGV[2], ARGV[3]
local heard, pools, reports = unpack(KEYS, 1, 3)
local function place(of, at, name) return of .. '/' .. string.format('%016d', at) .. '/' .. name end
local function forget(name)
    local known = redis.call('HGET', reports, name)
    local at = redis.call('ZSCORE', heard, name)
    if known and at then redis.call('ZREM', pools, place(string.match(known, '^([^\n]*)\n') or '', at, name)) end
    redis.call('ZREM', heard, name)
    redis.call('HDEL', reports, name)
end
for _, old in ipairs(redis.call('ZRANGEBYSCORE', heard, '-inf', now - DAY, 'LIMIT', 0, 100)) do forget(old) end
forget(id)
redis.call('ZADD', heard, now, id)
redis.call('ZADD', pools, 0, place(pool, now, id))
redis.call('HSET', reports, id, pool .. '\n' .. ARGV[4])
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, 2 * DAY) end
