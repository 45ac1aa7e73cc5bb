-- Returns to pending what lapsed, notes that what is late is hinted, and tells what else of the names is to be hinted.
-- KEYS: due, wait, and of each session: header, bundles, open, log, inputs, roots
-- ARGV: now, forget, schema, {number of the session, name, field, member of wait or ''} of each bundle
-- Answers {number, pool, priority, tasks, attempts, lapses} of each bundle to hint.
local keys = { due = KEYS[1], wait = KEYS[2] }
local now, forget, schema = time(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local headers, hints = {}, {}

for number, bundle in ipairs(cmsgpack.unpack(ARGV[4])) do
    local session, name, field, member = unpack(bundle)
    local header, bundles, open, log, inputs, roots = unpack(KEYS, 3 + 6 * (session - 1), 2 + 6 * session)
    if headers[session] == nil then
        local facts = redis.call('HMGET', header, 'state', 'pool', 'priority', 'schema')
        headers[session] = facts[1] and tonumber(facts[1]) < CANCELLED and facts
        -- What is late is looked at once a day at least, so a session that waits for agents stays.
        if headers[session] then refresh(header, { bundles, open, log, inputs, roots }, now, forget) end
    end
    local facts = headers[session]
    local record = facts and load(bundles, field)
    local wanted = false
    if not record then
        -- Its session is over, and its own sweep may have broken off.
        redis.call('ZREM', member == '' and keys.due or keys.wait, member == '' and name or member)
    elseif tonumber(facts[4]) > schema then
        if member == '' then redis.call('ZADD', keys.due, now + DAY, name) end
    elseif member ~= '' then
        if record[STATE] ~= PENDING or waiting(facts[2], record, name) ~= member then
            redis.call('ZREM', keys.wait, member)
        else
            wanted = true
        end
    elseif record[STATE] == RUNNING then
        if record[HEARD] + record[LEASE] <= now then
            redis.call('HINCRBY', header, 'running', -count(record[OPEN]))
            local cause = count(record[OPEN]) == 1 and ALONE or LAPSES
            record[cause] = record[cause] + 1
            pend(keys, facts[2], name, record, now, 0)
            save(bundles, field, record)
            wanted = true
        else
            redis.call('ZADD', keys.due, record[HEARD] + record[LEASE], name)
        end
    elseif record[DUE] > now then
        redis.call('ZADD', keys.due, record[DUE], name)
    else
        redis.call('ZADD', keys.due, now + math.min(LATE * 2 ^ math.min(record[HINTED], 20), LATEST), name)
        record[HINTED] = record[HINTED] + 1
        save(bundles, field, record)
        wanted = true
    end
    if wanted then
        hints[#hints + 1] = { number, facts[2], tonumber(facts[3]), count(record[OPEN]), record[ATTEMPT],
            record[LAPSES] + record[ALONE] }
    end
end
return hints
