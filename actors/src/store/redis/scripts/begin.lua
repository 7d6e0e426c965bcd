-- The beginning of every script, except `fence`.
--
-- KEYS[1] is the beginning of all keys. It has the hash tag, so all keys are in one slot.
-- ARGV has the calling node, the number of its call, and the term that it knows, then the
-- arguments of the script. Names and ids are strings, as are all numbers: Lua would write a large
-- number as 1e+15.
--
-- The keys, after the beginning:
--   gen        hash: the present term, the process of Redis (run), the latest term in which a node
--              said that entries were lost (lost)
--   turns      the number of the latest turn; lives: that of the latest epoch of a log
--   f          stream: the feed. The id of an entry is its term and its number
--   seen       hash: node -> the number of its latest call
--   gone       set: the nodes that may not call any more
--   beats      hash: node -> the number of its beats
--   n:CONN     hash: the record of a connection: user, node, turn, born, here ('1' or '0'),
--              r:CHANNEL -> 'EPOCH OFFSET', o:TURN -> node,
--              x:CHANNEL -> the entry of the feed that says that the connection has left the
--              channel, j:CHANNEL -> the one that says that it was subscribed to it (both since the
--              latest turn was taken)
--   s:NODE     set: the connections whose records name the node
--   e:CONN     set for two minutes after a connection has ended
--   c:CHANNEL  hash: the log of a channel: epoch, start, end, former ('EPOCH END ' for each former
--              epoch), whole, term and lost (those of the last write), conns: the number of records
--              that have the channel, used ('1' once it was configured or somebody was in it), and
--              the settings np, sh, hs, bl, ns and sf (configure.lua)
--   l:CHANNEL  list: the entries of the log. The first one has the offset start + 1
--   h:CHANNEL  list: the messages of the history
--   r:CHANNEL  hash: user -> the number of present connections

local root, node, term = KEYS[1], ARGV[1], ARGV[3]
local run = redis.call

-- Returns a number as a string.
local function text(number)
  return string.format('%.0f', number)
end

-- Returns the id of the last entry of the feed.
local function fed()
  local last = run('XREVRANGE', root .. 'f', '+', '-', 'COUNT', 1)[1]
  return last and last[1] or '0-0'
end

local lost
do
  local gen = run('HMGET', root .. 'gen', 'term', 'lost')
  lost = gen[2] or '0'
  if gen[1] ~= term then
    return { 'other', gen[1] or '0' }
  end
  if run('SISMEMBER', root .. 'gone', node) == 1 then
    return { 'dead' }
  end
  if tonumber(ARGV[2]) <= tonumber(run('HGET', root .. 'seen', node) or '0') then
    return { 'seen', fed() }
  end
  run('HSET', root .. 'seen', node, ARGV[2])
end

-- Appends an entry to the feed: its kind and what it is about, and then names and values.
local function feed(kind, target, ...)
  return run('XADD', root .. 'f', 'MAXLEN', '~', '100000', term .. '-*', kind, target, ...)
end
