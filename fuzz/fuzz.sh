#!/usr/bin/env bash
# Runs the fuzz targets: `make fuzz`, `make fuzz-proof`, `make fuzz-coverage` and `make fuzz-corpus`
# call it.
set -euo pipefail
cd "$(dirname "$0")/.."

all="bodies client_frames last_event_id proxy_headers query settings_ini settings_toml signature"
all="$all socket_io_packets"
targets=${FUZZ_TARGETS:-$all}
seconds=${FUZZ_SECONDS:-600}
jobs=${FUZZ_JOBS:-$(nproc)}
# Each run writes and reads settings files. In this folder they stay in memory.
if [ -d /dev/shm ]; then export TMPDIR=/dev/shm; fi

# The files of each target's parser, of which at least 80 % of the lines must run.
parser() {
	case $1 in
	bodies)
		echo src/validation/{body,boolean,depth,errors,json,reader}.rs \
			src/validation/rules/{datetime,integer,lists,mappings,objects,states,texts,uuids}.rs
		;;
	client_frames) echo src/transport/client_frames.rs ;;
	last_event_id) echo src/event_source.rs src/transport/position.rs ;;
	proxy_headers) echo src/caller.rs src/middleware/{default_secrets,ignored_headers,proxy}.rs ;;
	query) echo src/validation/{parameters,query}.rs src/transport/callback.rs ;;
	settings_ini) echo src/settings/{file,ini,load}.rs ;;
	settings_toml) echo src/settings/{file,toml_file}.rs ;;
	signature) echo src/signature/{signer,signers,verifier}.rs ;;
	socket_io_packets) echo src/transport/socket_io/packet.rs ;;
	esac
}

# Builds the program that runs a target under libFuzzer, as target/fuzz/NAME.
build_engine() { # name, more arguments for cargo
	local name=$1
	shift
	RUSTC_WORKSPACE_WRAPPER=$PWD/fuzz/rustc/engine.sh \
		cargo build --locked -p channelstream-fuzz --features engine "$@"
	mkdir -p target/fuzz
	cp target/debug/channelstream-fuzz "target/fuzz/$name"
}

# Runs one target under libFuzzer. New inputs go into a folder below target/fuzz, and inputs that
# fail into found.
engine() { # program, target, more arguments for libFuzzer
	local program=$1 target=$2
	shift 2
	mkdir -p "target/fuzz/found/$target"
	FUZZ_TARGET=$target "target/fuzz/$program" -dict="fuzz/dictionaries/$target.dict" \
		-max_len=16384 -timeout=10 -rss_limit_mb=1024 \
		-artifact_prefix="target/fuzz/found/$target/" -print_final_stats=1 "$@"
}

run_target() {
	local log=target/fuzz/$1.log
	mkdir -p "target/fuzz/corpus/$1"
	if ! engine engine "$1" -max_total_time="$seconds" \
		"target/fuzz/corpus/$1" "fuzz/corpus/$1" >"$log" 2>&1; then
		tail -n 40 "$log"
		echo "$1: a finding; the input is in target/fuzz/found/$1, the whole output in $log"
		return 1
	fi
	echo "$1: no finding in $seconds seconds and" \
		"$(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs"
}

# Shows that a target finds the fault that was planted for it. It starts with the corpus of the
# target.
prove_target() {
	local log=target/fuzz/$1-planted.log found=target/fuzz/found/$1/planted begun=$SECONDS
	rm -rf "target/fuzz/proof/$1" "$found"
	mkdir -p "target/fuzz/proof/$1"
	if engine planted "$1" -max_total_time=60 -exact_artifact_path="$found" \
		"target/fuzz/proof/$1" "fuzz/corpus/$1" >"$log" 2>&1; then
		tail -n 20 "$log"
		echo "$1: the planted fault was not found within a minute"
		return 1
	fi
	# The input must not fail without the planted fault.
	if ! engine engine "$1" "$found" >>"$log" 2>&1; then
		tail -n 20 "$log"
		echo "$1: the input that was found also fails without the planted fault"
		return 1
	fi
	echo "$1: the planted fault is found in $((SECONDS - begun)) seconds"
}

# Prints the percentage of the lines of a target's parser that its corpus runs.
cover_target() { # target, program
	local raw=target/fuzz/$1.profraw data=target/fuzz/$1.profdata log=target/fuzz/$1-replay.log
	local tools lines
	tools=$(dirname "$(find "$(rustc --print sysroot)" -name llvm-cov | head -n 1)")
	LLVM_PROFILE_FILE=$raw "$2" --exact "$1" >"$log" 2>&1 || { cat "$log"; return 1; }
	"$tools/llvm-profdata" merge -sparse "$raw" -o "$data"
	# shellcheck disable=SC2046
	lines=$("$tools/llvm-cov" export -format=lcov "$2" -instr-profile="$data" $(parser "$1") |
		python3 fuzz/lines.py)
	echo "$1: $lines % of the lines of $(parser "$1" | tr ' ' '\n' | sed 's/^src\///' | paste -sd ' ')"
	[ "${lines%%.*}" -ge 80 ]
}

# Adds to a corpus the inputs that fuzzing found and that reach code which the corpus does not
# reach.
merge_target() {
	local new=target/fuzz/merged/$1 file
	rm -rf "$new"
	mkdir -p "$new" "target/fuzz/corpus/$1"
	cp fuzz/corpus/"$1"/* "$new"
	engine engine "$1" -merge=1 -use_counters=0 "$new" "target/fuzz/corpus/$1" \
		>"target/fuzz/$1-merge.log" 2>&1
	for file in "$new"/*; do
		# libFuzzer names a file by the hash of its content.
		if [[ $(basename "$file") =~ ^[0-9a-f]{40}$ ]]; then
			mv "$file" "fuzz/corpus/$1/found-$(basename "$file" | cut -c1-8)"
		fi
	done
	echo "$1: $(find "fuzz/corpus/$1" -type f | wc -l) inputs"
}

# Calls this script for each target, several at a time. It fails if one of them fails.
for_each_target() { # command, processes at a time
	xargs -n 1 -P "$2" "$0" "$1" <<<"$targets"
}

case ${1:-} in
run)
	build_engine engine
	for_each_target run_target "$jobs"
	;;
proof)
	build_engine planted --features planted-faults
	build_engine engine
	for_each_target prove_target "$jobs"
	;;
coverage)
	find "$(rustc --print sysroot)" -name llvm-cov | grep -q . || rustup component add llvm-tools
	export RUSTC_WORKSPACE_WRAPPER=$PWD/fuzz/rustc/coverage.sh
	cargo test --locked -p channelstream-fuzz --test replay --no-run
	program=$(cargo test --locked -p channelstream-fuzz --test replay --no-run 2>&1 |
		sed -n 's/.*(\(.*\))$/\1/p')
	status=0
	for target in $targets; do cover_target "$target" "$program" || status=1; done
	exit $status
	;;
corpus)
	build_engine engine
	for_each_target merge_target "$jobs"
	;;
run_target | prove_target | merge_target) "$1" "$2" ;;
*)
	echo "usage: $0 run|proof|coverage|corpus" >&2
	exit 2
	;;
esac
