-- Tells of bundles as they were submitted, behind a start.
-- KEYS: header, inputs, roots
-- ARGV: start, limit
-- Answers {root, input, …}; nothing when there is no such session.
local facts, damaged = head(KEYS[1], 'state')
if damaged then return 'damaged' end
if not facts or facts[1] >= DELETED then return false end
local found = {}
for _, root in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. ARGV[1], '+inf', 'LIMIT', 0, ARGV[2])) do
    found[#found + 1] = root
    found[#found + 1] = redis.call('HGET', KEYS[2], string.match(root, '^%d+') or '') or ''
end
return found
