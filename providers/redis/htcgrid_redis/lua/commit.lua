-- Records outcomes of one session: bundles, one entry of the log, and the counts.
-- Of what cannot be read nothing is recorded.
-- KEYS: header, bundles, open, log, inputs, roots, due, wait, ends, damaged
-- ARGV: now, forget, random, sid, {field, start, birth, attempt, nonce, succeeded, failed, token} of each commit, its packs
-- Answers for each: {whether the lease stays, accepted successes, accepted failures}; nothing when the session is over.
local header, bundles, open, log, inputs, roots = unpack(KEYS, 1, 6)
local keys = { due = KEYS[7], wait = KEYS[8], damaged = KEYS[10] }
local now, forget, random, sid = time(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local facts, hurt = head(header, 'state', 'pool', 'born', 'total', 'succeeded', 'failed', 'entries', 'keep', 'running')
if hurt or not are_of_their_kinds({ unpack(KEYS, 1, 6) }) or (facts and facts[5] + facts[6] > facts[4]) then
    put_down(keys, sid, now, 'session')
    facts = { false, '', false }
elseif not facts or facts[1] >= CANCELLED then
    return false
end

local records, order, answers, parts = {}, {}, {}, {}
local succeeded, failed, running = 0, 0, 0
for number, commit in ipairs(cmsgpack.unpack(ARGV[5])) do
    local field, start, birth, attempt, nonce = unpack(commit, 1, 5)
    if records[field] == nil then
        local record, damaged
        if facts[1] then record, damaged = load(bundles, field) end
        if damaged then put_down(keys, sid .. '/' .. field, now, 'bundle') end
        records[field] = record or false
        order[#order + 1] = field
    end
    local record = records[field]
    local answer = { 0, {}, {} }
    -- The token tells a session from another one of its id, which came when the server had lost the first.
    if record and commit[8] == facts[3] then
        local current = record[STATE] == RUNNING and record[ATTEMPT] == attempt and record[NONCE] == nonce
        answer[2] = intersection(commit[6], record[OPEN])
        if current then
            answer[3] = difference(intersection(commit[7], record[OPEN]), answer[2])
            record[HEARD] = now
        end
        local good, bad = count(answer[2]), count(answer[3])
        if good + bad > 0 then
            record[OPEN] = difference(difference(record[OPEN], answer[2]), answer[3])
            succeeded, failed = succeeded + good, failed + bad
            if record[STATE] == RUNNING then running = running + good + bad end
            parts[#parts + 1] = '\149' .. cmsgpack.pack(start) .. cmsgpack.pack(birth) .. cmsgpack.pack(answer[2])
                .. cmsgpack.pack(answer[3]) .. ARGV[5 + number]
        end
        answer[1] = current and #record[OPEN] > 0 and 1 or 0
    end
    answers[number] = answer
end

-- The log first: should it refuse the entry, nothing else has changed.
if #parts > 0 and not append(header, log, now, false, parts, random) then
    put_down(keys, sid, now, 'the log of session')
    for number in ipairs(answers) do answers[number] = { 0, {}, {} } end
    return answers
end
for _, field in ipairs(order) do
    local record = records[field]
    if record and #record[OPEN] > 0 then
        record[TRIES] = tries_of(record[TRIES], record[OPEN])
        save(bundles, field, record)
    elseif record then
        unlist(keys, facts[2], sid .. '/' .. field, record)
        redis.call('HDEL', bundles, field)
        redis.call('ZREM', open, field)
    end
end
if not facts[1] then return answers end
if running > 0 then redis.call('HINCRBY', header, 'running', -running) end
local others = { bundles, open, log, inputs, roots }
refresh(header, others, now, forget)
if #parts > 0 then
    redis.call('HINCRBY', header, 'succeeded', succeeded)
    redis.call('HINCRBY', header, 'failed', failed)
    note_end(header, others, KEYS[9], sid, now)
end
return answers
