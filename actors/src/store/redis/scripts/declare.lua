-- NODE, AWAY: declares a node dead. A node that says so itself says for how many milliseconds its
-- clients may stay AWAY; others say 0.
run('HSET', root .. 'seen', ARGV[5], 'gone')
if ARGV[6] ~= '0' then
  run('HSET', root .. 'away', ARGV[5], ARGV[6])
end
return { 'done' }
