-- NODE, AWAY: declares a node dead. A node that says so itself says for how many milliseconds its
-- clients may stay AWAY; others say 0.
run('HSET', root .. 'seen', ARGV[4], 'gone')
if ARGV[5] ~= '0' then
  run('HSET', root .. 'away', ARGV[4], ARGV[5])
end
return { 'done' }
