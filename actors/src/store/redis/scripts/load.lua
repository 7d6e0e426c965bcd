-- LOG: reads a log, and makes it if there is none: its numbering, its items, its settings, its
-- history, who is present, and the user of a private log.
local name = ARGV[4]
local log = touch(name)
if log.is_new then
  expire(name)
end
local members, roster = {}, run('HGETALL', root .. 'r:' .. name)
for index = 1, #roster, 2 do
  local user = roster[index]
  members[#members + 1] = user
  members[#members + 1] = roster[index + 1]
  members[#members + 1] = run('HGET', root .. 'u:' .. user, 's')
end
return { 'loaded',
  run('HMGET', log.key, 'epoch', 'former', 'end', 'whole', 'origin', 'rev', 'at'),
  run('LRANGE', root .. 'l:' .. name, 0, -1),
  log.settings,
  run('LRANGE', root .. 'h:' .. name, 0, -1),
  members,
  is_private(name) and look_up(string.sub(name, 2)) or {},
  fed() }
