-- Keeps leases for another lease's time. When a bundle is due stays as it is, which is early: whoever looks then sees.
-- KEYS: of each session: header, bundles, open, log, inputs, roots
-- ARGV: now, forget, {number of the session, field, attempt, nonce} of each lease
-- Answers for each: 0 kept, 1 lapsed, 2 cancelled.
local now, forget = time(ARGV[1]), tonumber(ARGV[2])
local over, answers = {}, {}

for number, lease in ipairs(cmsgpack.unpack(ARGV[3])) do
    local session, field, attempt, nonce = unpack(lease)
    local header, bundles, open, log, inputs, roots = unpack(KEYS, 1 + 6 * (session - 1), 6 * session)
    if over[session] == nil then
        local facts, damaged = head(header, 'state')
        over[session] = not damaged and (not facts or facts[1] >= CANCELLED)
        if facts and not over[session] then refresh(header, { bundles, open, log, inputs, roots }, now, forget) end
    end
    local record = not over[session] and load(bundles, field)
    if over[session] then
        answers[number] = 2
    elseif record and record[STATE] == RUNNING and record[ATTEMPT] == attempt and record[NONCE] == nonce then
        record[HEARD] = now
        save(bundles, field, record)
        answers[number] = 0
    else
        answers[number] = 1
    end
end
return answers
