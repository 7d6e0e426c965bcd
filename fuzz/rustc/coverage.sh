#!/bin/sh
# Compiles the crates of this workspace, and no others, so that they count which lines ran, and without optimisation. Cargo calls
# it in place of rustc (RUSTC_WORKSPACE_WRAPPER), so dependencies are shared with the tests.
exec "$@" -Cinstrument-coverage -Copt-level=0
