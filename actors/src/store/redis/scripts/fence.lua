-- Begins a new term for a process of Redis that no node has written to, unless another node has
-- done so.
--
-- KEYS[1] is the beginning of all keys. ARGV has the process (its run_id), and the highest term,
-- turn, epoch and version of a state that the node knows, and the layout of the keys. All counters
-- go on above what anybody can have seen: the time of Redis in microseconds is higher than any of
-- them, since they grow more slowly. Returns the term.

local root, run = KEYS[1], redis.call
local gen = run('HMGET', root .. 'gen', 'term', 'run')
run('HSETNX', root .. 'gen', 'layout', ARGV[6])
-- A process may also go back to older data, without an end.
if gen[2] == ARGV[1] and tonumber(gen[1]) >= tonumber(ARGV[2]) then
  return gen[1]
end

local time = run('TIME')
local micros = tonumber(time[1]) * 1000000 + tonumber(time[2])

-- Returns a number above all these.
local function above(found, known)
  return string.format('%.0f', math.max(tonumber(found or '0'), tonumber(known), micros) + 1)
end

local last = run('XREVRANGE', root .. 'f', '+', '-', 'COUNT', 1)[1]
local term = above(gen[1], ARGV[2])
for index, counter in ipairs({ 'turns', 'lives', 'versions' }) do
  local key = root .. counter
  run('SET', key, above(run('GET', key), ARGV[index + 2]))
end
run('HSET', root .. 'gen', 'term', term, 'run', ARGV[1])
run('XADD', root .. 'f', term .. '-*', 'F', last and last[1] or '0-0')
return term
