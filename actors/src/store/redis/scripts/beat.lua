-- ABOUT: tells the other nodes that the calling node lives, and operators something ABOUT it, and
-- drops the oldest entries of the feed if it takes too much memory. Returns the number of beats of
-- each node, how long the clients of nodes that have stopped may stay away, and what is known ABOUT
-- each node.
run('HINCRBY', root .. 'beats', node, 1)
run('HSET', root .. 'about', node, ARGV[4])
-- The feed keeps 100,000 entries, which are too many if they are large. A node must beat even if its
-- user may not ask Redis for their size.
local bytes = redis.pcall('MEMORY', 'USAGE', root .. 'f', 'SAMPLES', '0')
if type(bytes) == 'number' and bytes > FEED_BYTES then
  local count = math.floor(run('XLEN', root .. 'f') * FEED_BYTES / bytes)
  run('XTRIM', root .. 'f', 'MAXLEN', text(math.max(count, 1)))
end
for _, other in ipairs(run('HKEYS', root .. 'beats')) do
  -- A dead node is forgotten when nothing is left of it, but it may still not call.
  local is_dead = run('HGET', root .. 'seen', other) == 'gone'
  if is_dead and run('EXISTS', root .. 's:' .. other) == 0 then
    for _, known in ipairs({ 'beats', 'away', 'about' }) do
      run('HDEL', root .. known, other)
    end
  end
end
local function all(known)
  return run('HGETALL', root .. known)
end
return { 'beats', all('beats'), all('away'), all('about') }
