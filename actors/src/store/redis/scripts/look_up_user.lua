-- USER: reads a user.
local user = look_up(ARGV[5])
return user and { 'user', user } or { 'unknown' }
