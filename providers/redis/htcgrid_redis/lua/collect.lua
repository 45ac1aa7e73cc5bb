-- Deletes what is left of a tombstone, whose bundles were swept; the second time, what came late.
-- KEYS: header, bundles, open, log, inputs, roots, ends
-- ARGV: now, sid, linger, forget
-- Answers whether nothing is left but the tombstone.
local header, open, ends = KEYS[1], KEYS[3], KEYS[7]
local now, sid, linger, forget = time(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local state = redis.pcall('HGET', header, 'state')
state = type(state) == 'string' and tonumber(state)
if not state then return 1 end
if state == COLLECTED then
    local score = redis.call('ZSCORE', ends, sid)
    if score and tonumber(score) <= now then redis.call('ZREM', ends, sid) end
    return 1
end
if state ~= DELETED or (redis.call('TYPE', open).ok == 'zset' and redis.call('ZCARD', open) > 0) then return 0 end
redis.call('UNLINK', unpack(KEYS, 2, 6))
redis.call('HSET', header, 'state', COLLECTED)
redis.call('HDEL', header, 'body', 'listed')
redis.call('ZADD', ends, now + linger, sid)
redis.call('PEXPIRE', header, math.max(forget, 3 * linger))
return 1
