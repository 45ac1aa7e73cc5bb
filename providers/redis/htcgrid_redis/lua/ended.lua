-- Tells which sessions are to be collected by now.
-- KEYS: ends
-- ARGV: now, limit
-- Answers {names, now}.
local now = time(ARGV[1])
return { redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, tonumber(ARGV[2])), string.format('%d', now) }
