-- Makes a session a tombstone, if it is one of those to be: any when it is deleted, else one past its retention.
-- KEYS: header, log, ends, sweep, sessions
-- ARGV: now, random, sid, whether it is deleted whatever its age
-- Answers whether it is to be collected.
local header, log, ends = KEYS[1], KEYS[2], KEYS[3]
local now, random, sid = time(ARGV[1]), ARGV[2], ARGV[3]
local facts = redis.call('HMGET', header, 'state', 'listed')
local state, score = tonumber(facts[1]), redis.call('ZSCORE', ends, sid)
if not state then
    redis.call('ZREM', ends, sid)
    return 0
end
if ARGV[4] ~= '1' and (not score or tonumber(score) > now) then return 0 end
if state < DELETED then
    redis.call('HSET', header, 'state', DELETED, 'running', 0)
    redis.call('ZADD', ends, 0, sid)
    redis.call('SADD', KEYS[4], sid)
    redis.call('ZREM', KEYS[5], facts[2])
    -- Readers that wait are told that it is gone.
    append(header, log, now, false, {}, random)
end
return state ~= COLLECTED and 1 or (score and 1 or 0)
