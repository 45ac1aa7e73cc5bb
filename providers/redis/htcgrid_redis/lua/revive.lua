-- Returns to pending what lapsed, notes that what is late is hinted, and tells what else of the names is to be hinted.
-- What cannot be read is put down, and looked at again after an hour.
-- KEYS: due, wait, damaged, and of each session: header, bundles, open, log, inputs, roots
-- ARGV: now, forget, schema, {number of the session, name, field, member of wait or ''} of each bundle
-- Answers {number, pool, priority, tasks, attempts, lapses} of each bundle to hint.
local keys = { due = KEYS[1], wait = KEYS[2], damaged = KEYS[3] }
local now, forget, schema = time(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local headers, down, hints = {}, {}, {}

for number, bundle in ipairs(cmsgpack.unpack(ARGV[4])) do
    local session, name, field, member = unpack(bundle)
    local header, bundles, open, log, inputs, roots = unpack(KEYS, 4 + 6 * (session - 1), 3 + 6 * session)
    if headers[session] == nil then
        local sid = string.match(name, '^(.*)/[^/]*/[^/]*$')
        local facts, damaged = head(header, 'state', 'pool', 'priority', 'schema', 'running')
        if damaged then put_down(keys, sid, now, 'session') end
        down[session] = damaged or is_down(keys, sid, now)
        headers[session] = facts and facts[1] < CANCELLED and facts
        -- What is late is looked at once a day at least, so a session that waits for agents stays.
        if headers[session] then refresh(header, { bundles, open, log, inputs, roots }, now, forget) end
    end
    local facts = headers[session]
    local record, damaged
    if facts then record, damaged = load(bundles, field) end
    local wanted = false
    if damaged then put_down(keys, name, now, 'bundle') end
    if damaged or down[session] then
        -- Others stand behind it.
        if member ~= '' then redis.call('ZREM', keys.wait, member) end
        redis.call('ZADD', keys.due, now + HOUR, name)
    elseif not record then
        -- Its session is over, and its own sweep may have broken off.
        redis.call('ZREM', member == '' and keys.due or keys.wait, member == '' and name or member)
    elseif facts[4] > schema then
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
        -- It may have been put down before.
        redis.call('ZADD', keys.wait, 0, waiting(facts[2], record, name))
        redis.call('HDEL', keys.damaged, name)
        wanted = true
    end
    if wanted then
        hints[#hints + 1] = { number, facts[2], facts[3], count(record[OPEN]), record[ATTEMPT],
            record[LAPSES] + record[ALONE] }
    end
end
return hints
