-- NODE: declares a node dead.
run('SADD', root .. 'gone', ARGV[4])
return { 'done' }
