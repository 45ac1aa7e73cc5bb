-- Records a session if it is new, more bundles of it, and that no more will come.
-- KEYS: header, bundles, open, log, inputs, roots, due, wait, sessions, ends
-- ARGV: now, forget, random, sid, header or '', the session itself, bundles, total or '', an input for each bundle
local header, bundles, open, log, inputs, roots = unpack(KEYS, 1, 6)
local keys = { due = KEYS[7], wait = KEYS[8] }
local now, forget, random, sid = time(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local new, given, sealing = ARGV[5] ~= '' and cmsgpack.unpack(ARGV[5]), cmsgpack.unpack(ARGV[7]), ARGV[8]

local known, damaged = head(header, 'state', 'digest', 'total', 'pool', 'priority', 'entries', 'keep', 'succeeded', 'failed')
if damaged or not are_of_their_kinds({ unpack(KEYS, 1, 6) }) then return { 'damaged' } end
known = known or {}
local state, total, pool = known[1], known[3] or 0, known[4]
if state and state >= DELETED then return { 'deleted' } end
if not state and not new then return { 'missing' } end
if state and new and known[2] ~= new.digest then return { 'taken' } end

local fresh = {}
for number, bundle in ipairs(given) do
    local start, stop, digest = bundle[1], bundle[2], bundle[3]
    -- All that is there lies below the total, so a submission that only appends looks nothing up.
    local before = start < total and redis.call('ZREVRANGEBYSCORE', roots, '(' .. stop, '-inf', 'LIMIT', 0, 1)[1]
    local from, to, of = string.match(before or '', '^(%d+)/(%d+)/(.*)$')
    if before and not of then return { 'damaged' } end
    if before and tonumber(to) > start then
        if tonumber(from) ~= start or tonumber(to) ~= stop or of ~= digest then return { 'conflict', number } end
    else
        fresh[#fresh + 1] = number
    end
end
if state and state ~= OPENED and #fresh > 0 then return { 'over', state } end

if not state then
    state, pool = OPENED, new.pool
    redis.call('HSET', header, 'digest', new.digest, 'state', OPENED, 'total', 0, 'pool', pool, 'priority', new.priority,
        'schema', new.schema, 'keep', new.keep, 'listed', new.listed, 'body', ARGV[6], 'born', random, 'entries', 0,
        'running', 0, 'succeeded', 0, 'failed', 0)
    redis.call('ZADD', KEYS[9], 0, new.listed)
    -- Another session of this id aged out, and not all of its keys at once.
    redis.call('UNLINK', bundles, open, log, inputs, roots)
    redis.call('ZREM', KEYS[10], sid)
end
for _, number in ipairs(fresh) do
    local start, stop, digest = unpack(given[number])
    local field = string.format('%d/0', start)
    local record = { stop, start, PENDING, 0, '', '', 0, 0, 0, 0, { start, stop }, {}, now, 0 }
    redis.call('HSET', inputs, start, ARGV[8 + number])
    redis.call('ZADD', roots, start, string.format('%d/%d/%s', start, stop, digest))
    redis.call('ZADD', open, start, field)
    pend(keys, pool, sid .. '/' .. field, record, now, 0)
    save(bundles, field, record)
    total = math.max(total, stop)
end
if #fresh > 0 then redis.call('HSET', header, 'total', total) end

local others = { bundles, open, log, inputs, roots }
refresh(header, others, now, forget)
if #fresh > 0 then join(header, bundles, open, inputs, roots) end
if sealing ~= '' then
    if tonumber(sealing) ~= total then return { 'total', total } end
    if state == OPENED then
        redis.call('HSET', header, 'state', SEALED)
        -- A reader that waits for more is told that there is none.
        if note_end(header, others, KEYS[10], sid, now) then append(header, log, now, false, {}, random) end
    end
end
return { 'done', #fresh }
