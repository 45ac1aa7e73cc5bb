-- Takes hints, of higher ranks first, and hides them; those that were hidden for too long are there again.
-- KEYS: held, lists of the ranks from the highest to 0
-- ARGV: now, limit, how many of the lists, how long they are hidden
local held = KEYS[1]
local now, limit, lists, hidden = time(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
for _, body in ipairs(redis.call('ZRANGEBYSCORE', held, '-inf', now, 'LIMIT', 0, 100)) do
    redis.call('ZREM', held, body)
    -- One that cannot be read is told of to whoever receives it.
    local rank = math.min(tonumber(string.match(body, '^%d')) or 0, #KEYS - 2)
    redis.call('LPUSH', KEYS[#KEYS - rank], body)
end
local found = {}
for list = 2, lists + 1 do
    if #found == limit then break end
    for _, body in ipairs(redis.call('LPOP', KEYS[list], limit - #found) or {}) do
        found[#found + 1] = body
        redis.call('ZADD', held, now + hidden, body)
    end
end
if #found > 0 then redis.call('PEXPIRE', held, 2 * DAY) end
return found
