-- LOG, MESSAGE, FOR_HISTORY ('1' or '0'), ID or '': appends a message to a log, and to its history if
-- that keeps messages. A message with an ID that was appended lately is not appended again. A log
-- that does not exist has nobody to hear it.
local log = find(ARGV[4])
if not log then
  return { 'done' }
end
if ARGV[7] ~= '' then
  local key = root .. 'i:' .. ARGV[7] .. ':' .. ARGV[4]
  if not run('SET', key, '1', 'NX', 'PX', '300000') then
    return { 'posted', fed() }
  end
end
freshen(log)
return { 'posted', append(log, ARGV[5], ARGV[6] == '1') }
