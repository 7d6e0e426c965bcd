-- The beginning of every script, except `fence`. The limits follow, as limits.rs writes them.
--
-- KEYS[1] is the beginning of all keys. It has the hash tag, so all keys are in one slot.
-- ARGV has the calling node, the number of its call, and the term that it knows, then the arguments
-- of the script. Names and ids are strings, as are all numbers: Lua
-- would write a large number as 1e+15.
--
-- LOG is the name of a log: '#' and the name of a channel, or '@' and the name of a user, whose
-- private log it is. An ITEM is an entry of a log: 'OFFSET MILLIS KH CONTENT', where MILLIS is the
-- time, K is '1' if the entry is for clients that were not listening, and H is '1' if it was stored
-- in the history. CONTENT begins with a letter that says what it is:
--   m          a message, as the node gave it
--   x          nothing: the message was deleted
--   e, d       an edit or a deletion, as the node gave it
--   +, -       JSON: a user has come or gone, its state, and who is present then (records.lua)
--   s          JSON: a user has changed its state (set_user.lua)
--
-- The keys, after the beginning:
--   gen        hash: the present term, the process of Redis (run), the latest term in which a node
--              said that entries were lost (lost), and the layout of the keys (layout)
--   turns      the number of the latest turn; lives: that of the latest epoch of a log; versions:
--              that of the latest state of a user
--   f          stream: the feed. The id of an entry is its term and its number
--   seen       hash: node -> the number of its latest call, or 'gone' if it may not call any more
--   x:NODE     set for ten minutes: the numbers of the calls that were refused because something
--              had changed
--   beats      hash: node -> the number of its beats. Each node that a record names is in it, also
--              after a loss, so each node without beats is noticed
--   away       hash: node -> the milliseconds for which its clients may stay away, since it has
--              stopped in order
--   about      hash: node -> what operators are told of it
--   logs       set: the logs. A log that has expired may still be in it
--   n:CONN     hash: the record of a connection: user, node, turn, born, here ('1' or '0'), cont
--              (the continuity),
--              r:LOG -> 'EPOCH OFFSET', or 'EPOCH OFFSET n' if no transport has begun since the
--              connection took its place in the log, o:TURN -> node,
--              x:LOG -> the entry of the feed that says that the connection has left the channel,
--              j:LOG -> the one that says that it was subscribed to it (both since the latest turn
--              was taken),
--              heard: the one that says that its application was heard from (since then)
--   s:NODE     set: the connections whose records name the node
--   k:KEY      the claim to make a call once, for five minutes
--   p:SESSION  hash: the session of a Socket.IO client that polls: what it is (s), its connection
--              (conn), 'TERM TURN' of its latest turn (turn), the time of the next ping (ping), the
--              time by which the client must answer the last one (pong), or only over ('1'). It
--              expires when its client is silent
--   w:SESSION  list: the packets that wait for its next poll
--   i:ID:LOG   set for five minutes after a message was appended that must not be appended again
--   e:CONN     set for two minutes after a connection has ended: 'd' if it was told to, otherwise
--              'i'
--   u:USER     hash: a user: the version (v) of its state, the state (s), and the version of its
--              first state (born)
--   uc:USER    set: the connections of a user
--   c:LOG      hash: a log: end, bytes (of the items in l:), hbytes (of those in h:), epoch, since
--              (the term of the last write, and the latest loss then), conns (the number of records
--              that have the log), set (the settings, see logs.lua), former ('EPOCH END ' for each
--              former epoch), whole, origin (the first epoch), at (the time at which it was made),
--              rev (the offset of the last edit or deletion), and used ('1' once a record had the
--              log). Redis finds the first ones fastest
--   l:LOG      list: the items of the log. The last one has the offset end
--   h:LOG      list: the items of the history
--   r:LOG      hash: user -> the number of present connections
-- The keys c:, l: and h: of a channel, and c:, l: and u: of a user, expire while no record has the
-- log. Then r: and uc: do not exist.

local root, node, term = KEYS[1], ARGV[1], ARGV[3]
local run = redis.call

-- Returns a number as a string.
local function text(number)
  return string.format('%d', number)
end

-- Returns the id of the last entry of the feed.
local function fed()
  local last = run('XREVRANGE', root .. 'f', '+', '-', 'COUNT', 1)[1]
  return last and last[1] or '0-0'
end

local lost, since
do
  local gen = run('HMGET', root .. 'gen', 'term', 'lost')
  lost = gen[2] or '0'
  since = term .. ' ' .. lost
  if gen[1] ~= term then
    return { 'other', gen[1] or '0' }
  end
  local seen = run('HGET', root .. 'seen', node) or '0'
  if seen == 'gone' then
    return { 'dead' }
  end
  if tonumber(ARGV[2]) <= tonumber(seen) then
    local was_refused = run('SISMEMBER', root .. 'x:' .. node, ARGV[2]) == 1
    return was_refused and { 'changed' } or { 'seen', fed() }
  end
  run('HSET', root .. 'seen', node, ARGV[2])
end

-- Appends an entry to the feed: its kind and what it is about, and then names and values.
local function feed(kind, target, ...)
  return run('XADD', root .. 'f', 'MAXLEN', '~', '100000', term .. '-*', kind, target, ...)
end
