-- Carves parts of a leased bundle into new pending bundles.
-- KEYS: header, bundles, open, due, wait
-- ARGV: now, sid, field, attempt, nonce, birth of the children, {tasks, delay, tries, lapses or -1} of each part
-- Answers nothing when the lease is not current, else whether it stays, what was carved, pool, priority, and of each
-- pending bundle that came of it: field, tasks, attempts, lapses.
local header, bundles, open = unpack(KEYS, 1, 3)
local keys = { due = KEYS[4], wait = KEYS[5] }
local now, sid, field, attempt, nonce, birth = time(ARGV[1]), unpack(ARGV, 2, 6)
local facts = head(header, 'state', 'pool', 'priority', 'running')
if not facts or facts[1] >= CANCELLED then return false end
local record = load(bundles, field)
if not record or record[STATE] ~= RUNNING or record[ATTEMPT] ~= tonumber(attempt) or record[NONCE] ~= nonce then
    return false
end

local carved, fields, given = {}, {}, 0
for number, part in ipairs(cmsgpack.unpack(ARGV[7])) do
    local tasks = record[STATE] == RUNNING and intersection(part[1], record[OPEN]) or {}
    carved[number] = tasks
    if #tasks > 0 then
        local tries = tries_of(part[3], tasks)
        local renewed = {}
        for i = 1, #tries, 2 do renewed[tries[i]] = true end
        local before = tries_of(record[TRIES], tasks)
        for i = 1, #before, 2 do
            if not renewed[before[i]] then
                tries[#tries + 1] = before[i]
                tries[#tries + 1] = before[i + 1]
            end
        end
        local lapses = part[4] < 0 and record[LAPSES] or part[4]
        local rest = difference(record[OPEN], tasks)
        given = given + count(tasks)
        local child, of = record, field
        if #rest > 0 then
            of = string.format('%d/%s', tasks[1], birth)
            child = { tasks[#tasks], record[ROOT], PENDING, 0, '', '', 0, 0, lapses, record[ALONE], tasks, tries, 0, 0 }
            record[OPEN], record[TRIES] = rest, tries_of(record[TRIES], rest)
            redis.call('ZADD', open, tasks[1], of)
        else
            record[TRIES], record[LAPSES] = tries, lapses
        end
        pend(keys, facts[2], sid .. '/' .. of, child, now, part[2])
        save(bundles, of, child)
        fields[#fields + 1] = { of, count(tasks), child[ATTEMPT], child[LAPSES] + child[ALONE] }
    end
end
if given > 0 then redis.call('HINCRBY', header, 'running', -given) end
if record[STATE] == RUNNING then
    record[HEARD] = now
    save(bundles, field, record)
end
return { record[STATE] == RUNNING and 1 or 0, carved, facts[2], facts[3], fields }
