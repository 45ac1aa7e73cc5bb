-- Queues hints.
-- KEYS: the lists
-- ARGV: how long they live, and for each list: how many hints, these
local at = 2
for _, list in ipairs(KEYS) do
    local last = at + tonumber(ARGV[at])
    redis.call('RPUSH', list, unpack(ARGV, at + 1, last))
    redis.call('PEXPIRE', list, ARGV[1])
    at = last + 1
end
