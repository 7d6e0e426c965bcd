-- USER, SEEN, STATE, CHANGED or '': sets the state of a user, unless its version is not SEEN any
-- more ('0' if there was no such user). The channels in which the user is present are told what
-- has changed, unless it is ''.
local user, seen, state, changed = ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local key = root .. 'u:' .. user
if (run('HGET', key, 'v') or '0') ~= seen then
  return refuse()
end
local version = text(run('INCR', root .. 'versions'))
run('HSET', key, 'v', version, 's', state)
run('HSETNX', key, 'born', version)
if tonumber(run('HGET', root .. 'c:@' .. user, 'conns') or '0') == 0 then
  run('PEXPIRE', key, USER_LIFETIME)
end
feed('V', user, 'v', version, 's', state)
local here = {}
for _, conn in ipairs(run('SMEMBERS', root .. 'uc:' .. user)) do
  local it = record(conn)
  for field, value in pairs(it and it.here == '1' and it or {}) do
    here[field] = value
  end
end
for _, name in ipairs(logs_of(here)) do
  if not is_private(name) then
    local count = run('HGET', root .. 'r:' .. name, user)
    feed('M', name, 'u', user, 'n', count, 's', state)
    local log = changed ~= '' and find(name)
    if log and is_set(log.settings, NS) then
      local event = '{"user":' .. cjson.encode(user) .. ',"state":' .. state
      freshen(log)
      append(log, 's' .. event .. ',"changed":' .. changed .. '}')
    end
  end
end
return { 'done' }
