-- NODE: declares a node dead.
run('HSET', root .. 'seen', ARGV[5], 'gone')
return { 'done' }
