-- CONN, USER, NODE, TURN, BORN, HERE, OPEN ('1' if the turn has not reported, else '0'),
-- CONTINUITY, HEARD, COUNT, (LOG, ID)..., (LOG, POSITION)...: writes the record of a connection as
-- its node knows it. HEARD is the last entry of the feed that the record has. COUNT is the number of
-- channels that the connection has left, each with the entry of the feed that says so. The channels
-- are not told of it.
local conn, user, owner, turn, born = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local here, is_open, continuity, heard = ARGV[9], ARGV[10], ARGV[11], ARGV[12]
local key, first = root .. 'n:' .. conn, 14 + 2 * tonumber(ARGV[13])
local it = record(conn)
local refused = it and later(it, turn)
if refused then
  return refused
end
if not it then
  if run('EXISTS', root .. 'e:' .. conn) == 1 then
    return { 'unknown' }
  end
  it = { user = user, here = '0', born = born }
  run('HSET', key, 'user', user, 'here', '0')
  run('SADD', root .. 'uc:' .. user, conn)
end
for index = first, #ARGV, 2 do
  if touch(ARGV[index]).is_new then
    expire(ARGV[index])
  end
end
if it.heard and is_behind(it.heard, heard) then
  -- The node does not know yet that its application was heard from.
  here = '1'
end
set_here(conn, it, '0', true)
for index = 14, first - 1, 2 do
  local name, joined = ARGV[index], it['j:' .. ARGV[index]]
  if it['r:' .. name] and not (joined and is_behind(joined, ARGV[index + 1])) then
    -- Redis may have lost that the connection has left the channel.
    part(conn, it, name)
  end
end
local former = it.user
if tonumber(it.born) < tonumber(born) then
  -- It is the record of a connection with the same id that had ended, maybe of another user.
  for _, name in ipairs(logs_of(it)) do
    part(conn, it, name)
  end
  run('SREM', root .. 'uc:' .. former, conn)
  run('SADD', root .. 'uc:' .. user, conn)
  run('HSET', key, 'user', user)
  it.user = user
end
for field in pairs(it) do
  if string.sub(field, 1, 2) == 'o:' then
    run('HDEL', key, field)
  end
end
if is_open == '1' then
  run('HSET', key, 'o:' .. turn, owner)
end
move(conn, it, owner)
run('HSET', key, 'turn', turn, 'born', born, 'cont', continuity)
for index = first, #ARGV, 2 do
  local name, left = ARGV[index], it['x:' .. ARGV[index]]
  if not it['r:' .. name] and not (left and is_behind(left, heard)) then
    join(conn, it, name, ARGV[index + 1])
  end
end
merge(conn, it, first)
set_here(conn, it, here, true)
tell(former)
if it.user ~= former then
  tell(it.user)
end
local read = {}
for _, name in ipairs(logs_of(it)) do
  read[#read + 1] = name
  read[#read + 1] = it['r:' .. name]
end
return { 'renewed', read, fed() }
