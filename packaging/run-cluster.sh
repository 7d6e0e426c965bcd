#!/usr/bin/env bash
# Runs three nodes with the demo, a Redis that they share, and a balancer in front of them. Ctrl-C
# stops everything in order. `make run-cluster` installs what this needs. CHANNELSTREAM_PROGRAM
# names another program than the release program.
set -euo pipefail
cd "$(dirname "$0")/.."

program=${CHANNELSTREAM_PROGRAM:-target/release/channelstream}
# The server would warn of a variable that is not a setting.
unset CHANNELSTREAM_PROGRAM
# Debian installs haproxy where only root looks for programs.
PATH=$PATH:/usr/sbin
folder=$(mktemp -d)
nodes=() balancer=() redis=()

# Stops processes, and waits until they have ended.
stop() { # process ids
    [ $# -gt 0 ] || return 0
    kill "$@" 2>/dev/null || true
    wait "$@" 2>/dev/null || true
}

# Clients are told to come back while the balancer can still pass that on. Redis stops last, so the
# nodes can write up to where their clients have read.
stop_all() {
    trap '' INT TERM HUP
    echo "stopping the nodes, the balancer and Redis"
    stop "${nodes[@]}"
    stop "${balancer[@]}"
    stop "${redis[@]}"
    rm -rf "$folder"
}
trap stop_all EXIT
trap 'exit 0' INT TERM HUP

# Starts a program whose output goes to a file. Ctrl-C does not reach it, because it runs in a
# session of its own.
start() { # name, command
    local name=$1
    shift
    setsid "$@" >"$folder/$name.log" 2>&1 </dev/null &
}

# Waits until a command succeeds. Fails if the process that was started last ends before that.
wait_until() { # name, command
    local name=$1
    shift
    until "$@" >/dev/null 2>&1; do
        if ! kill -0 $! 2>/dev/null; then
            echo "$name has ended:" >&2
            cat "$folder/$name.log" >&2
            exit 1
        fi
        sleep 0.05
    done
}

listens() { # port
    : <"/dev/tcp/127.0.0.1/$1"
}

# Sets $port to this port, or to the next one on which nothing listens.
find_port() { # port
    port=$1
    while listens "$port" 2>/dev/null; do
        port=$((port + 1))
    done
}

find_port 6379
redis_port=$port
start redis redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$folder" \
    --appendonly yes --save '' --maxmemory-policy noeviction
redis=($!)
wait_until redis listens "$redis_port"

# The secrets are the same on all nodes: the defaults, unless the environment or the settings file
# has others. Without a common secret for cookies, each node would ask operators to sign in again.
random=$(od -An -N16 -tx1 /dev/urandom | tr -d ' ')
export CHANNELSTREAM_COOKIE_SECRET=${CHANNELSTREAM_COOKIE_SECRET:-$random}
find_port 8000
balancer_port=$port
servers='' lines=''
for number in 1 2 3; do
    find_port $((port + 1))
    address=127.0.0.1:$port
    start "node$number" "$program" --listen "$address" --demo true --store redis \
        --redis-urls "redis://127.0.0.1:$redis_port" --trusted-proxies 127.0.0.1 --drain-notice 1
    nodes+=($!)
    wait_until "node$number" "$program" --listen "$address" health
    servers+="    server node$number $address check inter 500ms fall 1 rise 1"$'\n'
    lines+="node $number      http://$address/demo (process $!)"$'\n'
done

cat >"$folder/haproxy.cfg" <<CONFIG
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    # The timeout of an open websocket, instead of the two above.
    timeout tunnel 1h

frontend http
    bind 127.0.0.1:$balancer_port
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Host %[req.hdr(Host)]
    default_backend nodes

backend nodes
    balance roundrobin
    option httpchk GET /ready
    # A request that does not reach a node goes to another one.
    option redispatch 1
$servers
CONFIG
start balancer haproxy -db -f "$folder/haproxy.cfg"
balancer=($!)
wait_until balancer "$program" --listen "127.0.0.1:$balancer_port" health

cat <<TEXT
balancer    http://127.0.0.1:$balancer_port/demo
${lines}Redis       redis://127.0.0.1:$redis_port (process ${redis[0]})
logs        $folder/*.log

Open the demo in two windows. Requests go to the nodes in turn. Kill a node, and its clients go on
at another one. Ctrl-C stops everything.
TEXT
# Bash would report each process that was killed.
exec 2>/dev/null
wait
