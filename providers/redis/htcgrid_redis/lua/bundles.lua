-- Tells of bundles with open tasks: a page of them, or those among which one task's is.
-- KEYS: header, bundles, open, roots
-- ARGV: now, cursor's start and field, limit, task or ''
-- Answers {now, records as {field, record, …}}; nothing when there is no such session.
local header, bundles, open, roots = unpack(KEYS, 1, 4)
local now, start, after, limit = time(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local facts, damaged = head(header, 'state')
if damaged then return 'damaged' end
if not facts or facts[1] >= DELETED then return false end
local state = facts[1]
local found, fields = {}, {}
if state ~= CANCELLED and ARGV[5] ~= '' then
    local root = redis.call('ZREVRANGEBYSCORE', roots, ARGV[5], '-inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
    fields = root and redis.call('ZRANGEBYSCORE', open, root, ARGV[5]) or {}
elseif state ~= CANCELLED then
    local offset = 0
    repeat
        local page = redis.call('ZRANGEBYSCORE', open, start, '+inf', 'LIMIT', offset, limit)
        offset = offset + #page
        for _, field in ipairs(page) do
            if #fields < limit and (not string.match(field, '^' .. start .. '/') or field > after) then
                fields[#fields + 1] = field
            end
        end
    until #page < limit or #fields >= limit
end
for _, field in ipairs(fields) do
    local record = redis.call('HGET', bundles, field)
    local known, damaged = load(bundles, field)
    -- What cannot be read is told, too: it may be that of the task.
    if record and (damaged or ARGV[5] == '' or holds(known[OPEN], tonumber(ARGV[5]))) then
        found[#found + 1] = field
        found[#found + 1] = record
    end
end
return { now, found }
