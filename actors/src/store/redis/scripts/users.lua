-- The users.

-- Returns the version of the state of a user, the state, each connection with whether it is
-- present, and the version of the first state; nil if there is no such user.
local function look_up(user)
  local it = run('HMGET', root .. 'u:' .. user, 'v', 's', 'born')
  if not it[1] then
    return nil
  end
  local conns = {}
  for _, conn in ipairs(run('SMEMBERS', root .. 'uc:' .. user)) do
    conns[#conns + 1] = conn
    conns[#conns + 1] = run('HGET', root .. 'n:' .. conn, 'here')
  end
  return { it[1], it[2], conns, it[3] }
end
