-- What the scripts share; it stands before each of them.
--
-- A record of `b` is an array; times are milliseconds of the server's clock, sets of tasks are flat: {start, stop, …}.
local STOP, ROOT, STATE, ATTEMPT, NONCE, AGENT, HEARD = 1, 2, 3, 4, 5, 6, 7
local LEASE, LAPSES, ALONE, OPEN, TRIES, DUE, HINTED = 8, 9, 10, 11, 12, 13, 14
local PENDING, RUNNING = 0, 1
local OPENED, SEALED, CANCELLED, DELETED, COLLECTED = 0, 1, 2, 3, 4
-- A pending bundle that nobody claims is hinted again after ten minutes, then after twice as long, at most a day.
local LATE, LATEST = 600000, 86400000
local HOUR, DAY = 3600000, 86400000

local function time(given)
    if given ~= '' then return tonumber(given) end
    local now = redis.call('TIME')
    return now[1] * 1000 + math.floor(now[2] / 1000)
end

-- What can be counted with, as it is and exactly.
local MOST = 2 ^ 53
local function whole(value)
    return type(value) == 'number' and value >= 0 and value <= MOST and value == math.floor(value)
end

local function all_whole(list)
    if type(list) ~= 'table' then return false end
    for i = 1, #list do
        if not whole(list[i]) then return false end
    end
    return #list % 2 == 0
end

-- Whether a set of tasks is one: sorted spans between two tasks, at least one.
local function is_set(set, position, most)
    if not all_whole(set) or #set == 0 then return false end
    for i = 1, #set, 2 do
        if set[i] < position or set[i + 1] <= set[i] or set[i + 1] > most then return false end
        position = set[i + 1]
    end
    return true
end

local function is_sound(record)
    if type(record) ~= 'table' then return false end
    for _, place in ipairs({ STOP, ROOT, STATE, ATTEMPT, HEARD, LEASE, LAPSES, ALONE, DUE, HINTED }) do
        if not whole(record[place]) then return false end
    end
    return record[STATE] <= RUNNING and type(record[NONCE]) == 'string' and type(record[AGENT]) == 'string'
        and is_set(record[OPEN], record[ROOT], record[STOP]) and all_whole(record[TRIES])
end

-- Returns the record of a bundle, if it is there; else nothing, and whether it is there and cannot be read.
local function load(bundles, field)
    local raw = redis.pcall('HGET', bundles, field)
    if not raw then return nil, false end
    if type(raw) ~= 'string' then return nil, true end
    local read, record = pcall(cmsgpack.unpack, raw)
    if read and is_sound(record) then return record, false end
    return nil, true
end

local NUMBERS = { state = true, total = true, succeeded = true, failed = true, entries = true, schema = true,
    priority = true, keep = true }

-- Returns some fields of a header, `state` the first, those of numbers as such; nothing when there is none, and then
-- whether it is there and cannot be read.
local function head(header, ...)
    local facts = redis.pcall('HMGET', header, ...)
    if facts.err then return false, true end
    if not facts[1] then return false, redis.call('EXISTS', header) == 1 end
    for i, name in ipairs({ ... }) do
        local signed = name == 'running'
        if NUMBERS[name] or signed then
            -- As a count in a hash has to be: tonumber takes more.
            local digits = facts[i] and string.match(facts[i], signed and '^%-?%d+$' or '^%d+$')
            facts[i] = digits and #digits < 18 and tonumber(digits)
            if facts[i] and not signed and not whole(facts[i]) then facts[i] = false end
        end
        if not facts[i] then return false, true end
    end
    return facts, false
end

-- Whether the keys of a session are of their kinds: header, bundles, open, log, inputs, roots.
local KINDS = { 'hash', 'hash', 'zset', 'stream', 'hash', 'zset' }
local function are_of_their_kinds(keys)
    for i, key in ipairs(keys) do
        local kind = redis.call('TYPE', key).ok
        if kind ~= KINDS[i] and kind ~= 'none' then return false end
    end
    return true
end

-- Puts down that a session, or a bundle of this name, cannot be read: for an hour nobody looks at it.
local function put_down(keys, name, now, what)
    redis.call('HSET', keys.damaged, name, string.format('%d', now + HOUR) .. '/' .. what)
    redis.call('PEXPIRE', keys.damaged, 2 * DAY)
end

-- Whether a session was put down, and is not to be looked at yet.
local function is_down(keys, sid, now)
    local told = redis.call('HGET', keys.damaged, sid)
    local till = told and tonumber(string.match(told, '^%d+'))
    local down = till and now < till and till <= now + HOUR
    -- Whoever looks at it now finds out whether it was put right.
    if told and not down then redis.call('HDEL', keys.damaged, sid) end
    return down
end

local function save(bundles, field, record)
    redis.call('HSET', bundles, field, cmsgpack.pack(record))
end

local function count(set)
    local tasks = 0
    for i = 1, #set, 2 do tasks = tasks + set[i + 1] - set[i] end
    return tasks
end

local function intersection(left, right)
    local common, i, j = {}, 1, 1
    while i < #left and j < #right do
        local start, stop = math.max(left[i], right[j]), math.min(left[i + 1], right[j + 1])
        if start < stop then
            common[#common + 1] = start
            common[#common + 1] = stop
        end
        if left[i + 1] < right[j + 1] then i = i + 2 else j = j + 2 end
    end
    return common
end

local function difference(left, right)
    local rest, j = {}, 1
    for i = 1, #left, 2 do
        local start, stop = left[i], left[i + 1]
        while j < #right and right[j + 1] <= start do j = j + 2 end
        local at = j
        while start < stop and at < #right and right[at] < stop do
            if start < right[at] then
                rest[#rest + 1] = start
                rest[#rest + 1] = right[at]
            end
            start = math.max(start, right[at + 1])
            at = at + 2
        end
        if start < stop then
            rest[#rest + 1] = start
            rest[#rest + 1] = stop
        end
    end
    return rest
end

local function holds(set, task)
    for i = 1, #set, 2 do
        if set[i] <= task and task < set[i + 1] then return true end
    end
    return false
end

-- Tries are flat, too: {task, tries, …}. Returns those of the tasks in a set.
local function tries_of(tries, set)
    local found = {}
    for i = 1, #tries, 2 do
        if holds(set, tries[i]) then
            found[#found + 1] = tries[i]
            found[#found + 1] = tries[i + 1]
        end
    end
    return found
end

-- The member of `wait` for a pending bundle: by pool, then by when it may be claimed.
local function waiting(pool, record, name)
    return pool .. '/' .. string.format('%016d', record[DUE]) .. '/' .. name
end

-- Makes a bundle pending, to be claimed from `delay` on.
local function pend(keys, pool, name, record, now, delay)
    record[STATE], record[NONCE], record[AGENT], record[HINTED] = PENDING, '', '', 0
    record[DUE] = now + delay
    redis.call('ZADD', keys.wait, 0, waiting(pool, record, name))
    redis.call('ZADD', keys.due, delay > 0 and record[DUE] or now + LATE, name)
end

-- Forgets when a bundle is due, and that it waits.
local function unlist(keys, pool, name, record)
    redis.call('ZREM', keys.due, name)
    if record[STATE] == PENDING then redis.call('ZREM', keys.wait, waiting(pool, record, name)) end
end

-- Lets the keys of a session live for as long as it may be needed: renewed at most once an hour. Keys that come into being
-- in between take the time of the header: see `join`.
local function refresh(header, others, now, forget)
    local known = redis.call('HMGET', header, 'kept', 'keep')
    local kept = tonumber(known[1])
    if not kept or now - kept >= HOUR or kept > now + HOUR then
        redis.call('HSET', header, 'kept', now)
        local life = math.max(forget, (tonumber(known[2]) or 0) + 2 * DAY)
        redis.call('PEXPIRE', header, life)
        for _, key in ipairs(others) do redis.call('PEXPIRE', key, life) end
    end
end

-- Lets keys that have just come into being live for as long as the header.
local function join(header, ...)
    for _, key in ipairs({ ... }) do
        if redis.call('PTTL', key) == -1 then redis.call('PEXPIRE', key, math.max(1, redis.call('PTTL', header))) end
    end
end

-- Notes when a session is to be collected, if it has finished; its keys go some days later, though nobody collects.
local function note_end(header, others, ends, sid, now)
    local facts = redis.call('HMGET', header, 'state', 'total', 'succeeded', 'failed', 'keep')
    local finished = tonumber(facts[1]) == CANCELLED
        or (tonumber(facts[1]) == SEALED and facts[3] + facts[4] == tonumber(facts[2]))
    if finished then
        redis.call('ZADD', ends, now + facts[5], sid)
        for _, key in ipairs({ header, unpack(others) }) do redis.call('PEXPIRE', key, facts[5] + 3 * DAY) end
    end
    return finished
end

-- Appends an entry, whose parts are encoded, to a log. Its id is its number, and a random one by which a reader finds
-- that what it read before is still there. Returns whether the log took it: one that has something behind its last entry
-- does not, and then nothing has changed.
local function append(header, log, now, closing, parts, random)
    local size = #parts
    local array = size < 16 and string.char(0x90 + size) or '\220' .. struct.pack('>H', size)
    local entry = '\147' .. cmsgpack.pack(now) .. cmsgpack.pack(closing) .. array .. table.concat(parts)
    local number = redis.call('HINCRBY', header, 'entries', 1)
    local added = redis.pcall('XADD', log, string.format('%d-%s', number, random), 'e', entry)
    if type(added) == 'table' and added.err then
        redis.call('HINCRBY', header, 'entries', -1)
        return false
    end
    join(header, log)
    return true
end
