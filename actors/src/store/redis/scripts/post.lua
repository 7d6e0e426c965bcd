-- LOG, MESSAGE, FOR_HISTORY ('1' or '0'), ID or '': appends a message to a log, and to its history if
-- that keeps messages. A message with an ID that was appended lately is not appended again. A log
-- that does not exist has nobody to hear it.
local log = find(ARGV[5])
if not log then
  return { 'done' }
end
if ARGV[8] ~= '' then
  local key = root .. 'i:' .. ARGV[8] .. ':' .. ARGV[5]
  if not run('SET', key, '1', 'NX', 'PX', '300000') then
    return { 'posted', fed() }
  end
end
freshen(log)
return { 'posted', append(log, ARGV[6], ARGV[7] == '1') }
