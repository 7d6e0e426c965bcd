-- CONN: reads the record of a connection.
local flat = run('HGETALL', root .. 'n:' .. ARGV[4])
return #flat > 0 and { 'known', flat } or { 'unknown' }
