-- Wins pending bundles. A bundle that was won under the nonce given is won again: its answer was lost.
-- What cannot be read is put down, and not won.
-- KEYS: due, wait, damaged, and of each session: header, bundles, open, log, inputs, roots
-- ARGV: now, forget, agent, lease, schema, {number of the session, sid, field, nonce} of each bundle
local keys = { due = KEYS[1], wait = KEYS[2], damaged = KEYS[3] }
local now, forget, agent, lease, schema = time(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local headers, won = {}, {}

for number, asked in ipairs(cmsgpack.unpack(ARGV[6])) do
    local session, sid, field, nonce = unpack(asked)
    local header, bundles, open, log, inputs, roots = unpack(KEYS, 4 + 6 * (session - 1), 3 + 6 * session)
    if headers[session] == nil then
        local facts, damaged = head(header, 'state', 'total', 'schema', 'pool', 'body', 'born', 'running')
        if damaged or (facts and not are_of_their_kinds({ header, bundles, open, log, inputs, roots })) then
            facts, damaged = false, true
        end
        if damaged then put_down(keys, sid, now, 'session') end
        headers[session] = facts and facts[1] < CANCELLED and facts[3] <= schema and not is_down(keys, sid, now) and facts
        if headers[session] then refresh(header, { bundles, open, log, inputs, roots }, now, forget) end
    end
    local facts = headers[session]
    local record, damaged
    if facts then record, damaged = load(bundles, field) end
    if damaged then put_down(keys, sid .. '/' .. field, now, 'bundle') end
    if record and record[STATE] == PENDING and record[DUE] <= now and record[STOP] <= facts[2] then
        local name = sid .. '/' .. field
        unlist(keys, facts[4], name, record)
        record[STATE], record[ATTEMPT], record[NONCE], record[AGENT] = RUNNING, record[ATTEMPT] + 1, nonce, agent
        record[HEARD], record[LEASE] = now, lease
        save(bundles, field, record)
        redis.call('ZADD', keys.due, now + lease, name)
        redis.call('HINCRBY', header, 'running', count(record[OPEN]))
    end
    if record and record[STATE] == RUNNING and record[NONCE] == nonce then
        won[#won + 1] = { number, facts[5], redis.call('HGET', inputs, record[ROOT]) or '', cmsgpack.pack({
            record[ATTEMPT], record[ROOT], record[OPEN], record[TRIES], record[LAPSES], record[ALONE], facts[6] }) }
    end
end
return won
