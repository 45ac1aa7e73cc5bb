-- Tells which sessions are to be collected by now.
-- KEYS: ends
-- ARGV: now, limit
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', time(ARGV[1]), 'LIMIT', 0, tonumber(ARGV[2]))
