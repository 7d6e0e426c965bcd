-- ABOUT: tells the other nodes that the calling node lives, and operators something ABOUT it.
-- Returns the number of beats of each node, how long the clients of nodes that have stopped may stay
-- away, and what is known ABOUT each node.
run('HINCRBY', root .. 'beats', node, 1)
run('HSET', root .. 'about', node, ARGV[4])
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
