-- Ends a session and closes its log; its bundles are swept later.
-- KEYS: header, bundles, open, log, inputs, roots, ends, sweep
-- ARGV: now, random, sid
-- Answers {succeeded, failed, cancelled}; 'damaged' when it cannot be read; nothing when there is no such session.
local header, log = KEYS[1], KEYS[4]
local now, random, sid = time(ARGV[1]), ARGV[2], ARGV[3]
local facts, damaged = head(header, 'state', 'total', 'succeeded', 'failed', 'entries', 'keep')
if damaged then return 'damaged' end
if not facts or facts[1] >= DELETED then return false end
if not are_of_their_kinds({ unpack(KEYS, 1, 6) }) then return 'damaged' end
local state, total = facts[1], facts[2]
local ended = facts[3] + facts[4]
if state == OPENED or (state == SEALED and ended < total) then
    state = CANCELLED
    if not append(header, log, now, true, {}, random) then return 'damaged' end
    redis.call('HSET', header, 'state', CANCELLED, 'running', 0)
    redis.call('SADD', KEYS[8], sid)
    note_end(header, { unpack(KEYS, 2, 6) }, KEYS[7], sid, now)
end
return { facts[3], facts[4], state == CANCELLED and total - ended or 0 }
