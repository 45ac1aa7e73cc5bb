-- Tells of agents that reported in the last day, those heard of last first.
-- KEYS: heard, pools, reports
-- ARGV: now, cursor's time or '' and id, limit, pool or ''
-- Answers {now, {id, when, report, …}}.
local now, at, after, limit, pool = time(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local heard, pools, reports = unpack(KEYS, 1, 3)
local found, offset = {}, 0
local function page()
    local names = {}
    if pool == '' then
        local top = at == '' and '+inf' or at
        local rows = redis.call('ZREVRANGEBYSCORE', heard, top, '(' .. (now - DAY), 'WITHSCORES', 'LIMIT', offset, limit)
        for i = 1, #rows, 2 do names[#names + 1] = { rows[i], tonumber(rows[i + 1]) } end
    else
        local low = '(' .. pool .. '/' .. string.format('%016d', now - DAY + 1)
        local top = at == '' and '(' .. pool .. '0' or '[' .. pool .. '/' .. string.format('%016d', at) .. '0'
        for _, row in ipairs(redis.call('ZREVRANGEBYLEX', pools, top, low, 'LIMIT', offset, limit)) do
            local when, name = string.match(row, '^[^/]*/(%d+)/(.*)$')
            names[#names + 1] = { name or row, tonumber(when) or now }
        end
    end
    return names
end
repeat
    local names = page()
    offset = offset + #names
    for _, row in ipairs(names) do
        local known = redis.call('HGET', reports, row[1])
        if known and #found < 3 * limit and not (at ~= '' and row[2] == tonumber(at) and row[1] >= after) then
            found[#found + 1] = row[1]
            found[#found + 1] = string.format('%d', row[2])
            found[#found + 1] = string.match(known, '^[^\n]*\n(.*)$') or known
        end
    end
until #names < limit or #found >= 3 * limit
return { now, found }
