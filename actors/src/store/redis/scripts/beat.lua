-- Tells the other nodes that the calling node lives. Returns the number of beats of each node, and
-- how long the clients of nodes that have stopped may stay away.
run('HINCRBY', root .. 'beats', node, 1)
for _, other in ipairs(run('HKEYS', root .. 'beats')) do
  -- A dead node is forgotten when nothing is left of it, but it may still not call.
  local is_dead = run('HGET', root .. 'seen', other) == 'gone'
  if is_dead and run('EXISTS', root .. 's:' .. other) == 0 then
    run('HDEL', root .. 'beats', other)
    run('HDEL', root .. 'away', other)
  end
end
return { 'beats', run('HGETALL', root .. 'beats'), run('HGETALL', root .. 'away') }
