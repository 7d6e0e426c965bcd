#!/bin/sh
# Compiles the crates of this workspace, and no others, so that libFuzzer sees which edges were
# taken and which values were compared. Cargo calls this script in place of rustc
# (RUSTC_WORKSPACE_WRAPPER), so dependencies are shared with the tests.
exec "$@" -Cpasses=sancov-module \
	-Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
	-Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares
