-- Tells which bundles are due, which wait, and whose session is to be swept; changes nothing.
-- KEYS: due, wait, sweep
-- ARGV: now, limit, the pool of which to look at what waits, or ''
local now, limit = time(ARGV[1]), tonumber(ARGV[2])
local timed = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, limit)
local waiting = {}
if ARGV[3] ~= '' then
    local first, ripe = '[' .. ARGV[3] .. '/', '(' .. ARGV[3] .. '/' .. string.format('%016d', now + 1)
    waiting = redis.call('ZRANGEBYLEX', KEYS[2], first, ripe, 'LIMIT', 0, limit)
end
return { timed, waiting, redis.call('SRANDMEMBER', KEYS[3]), string.format('%d', now) }
