-- Takes back claims of what cannot be read after all, and puts it down: nobody wins it for an hour.
-- KEYS: due, wait, damaged, and of each session: header, bundles
-- ARGV: now, {number of the session, sid, field, nonce, 1 for all of the session or 0, why} of each claim
local keys = { due = KEYS[1], wait = KEYS[2], damaged = KEYS[3] }
local now = time(ARGV[1])
for _, claim in ipairs(cmsgpack.unpack(ARGV[2])) do
    local session, sid, field, nonce, whole_session, why = unpack(claim)
    local header, bundles = unpack(KEYS, 4 + 2 * (session - 1), 3 + 2 * session)
    local name = sid .. '/' .. field
    put_down(keys, whole_session == 1 and sid or name, now, why)
    local facts, record = head(header, 'state', 'running'), load(bundles, field)
    if facts and record and record[STATE] == RUNNING and record[NONCE] == nonce then
        redis.call('HINCRBY', header, 'running', -count(record[OPEN]))
        -- As if it had not been won.
        record[STATE], record[ATTEMPT], record[NONCE], record[AGENT] = PENDING, record[ATTEMPT] - 1, '', ''
        record[HEARD], record[LEASE] = 0, 0
        save(bundles, field, record)
        redis.call('ZADD', keys.due, now + HOUR, name)
    end
end
return 0
