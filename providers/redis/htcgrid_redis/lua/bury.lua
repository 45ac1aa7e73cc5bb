-- Makes a session a tombstone, if it is one of those to be: any when it is deleted, else one past its retention.
-- KEYS: header, log, ends, sweep, sessions
-- ARGV: now, random, sid, whether it is deleted whatever its age
-- Answers whether it is to be collected.
local header, log, ends = KEYS[1], KEYS[2], KEYS[3]
local now, random, sid = time(ARGV[1]), ARGV[2], ARGV[3]
local facts = redis.pcall('HMGET', header, 'state', 'listed')
if facts.err then
    -- Something else stands in its place, and is what is to go.
    if ARGV[4] ~= '1' then return 0 end
    redis.call('UNLINK', header)
    facts = { '0' }
end
local state, score = tonumber(facts[1]), redis.call('ZSCORE', ends, sid)
if not state and redis.call('EXISTS', header) == 1 then
    -- It cannot be read: it goes only when it is deleted.
    if ARGV[4] ~= '1' then return 0 end
    state = OPENED
end
if not state then
    redis.call('ZREM', ends, sid)
    return 0
end
if ARGV[4] ~= '1' and (not score or tonumber(score) > now) then return 0 end
if state < DELETED then
    redis.call('HSET', header, 'state', DELETED, 'running', 0)
    redis.call('ZADD', ends, 0, sid)
    redis.call('SADD', KEYS[4], sid)
    if facts[2] then redis.call('ZREM', KEYS[5], facts[2]) end
    -- Readers that wait are told that it is gone; those of a log that is none have been told otherwise.
    pcall(append, header, log, now, false, {}, random)
end
return state ~= COLLECTED and 1 or (score and 1 or 0)
