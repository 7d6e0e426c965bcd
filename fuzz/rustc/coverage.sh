#!/bin/sh
# Compiles the crates of this workspace, and no others, without optimisation and so that they count
# which lines ran. Cargo calls this script in place of rustc (RUSTC_WORKSPACE_WRAPPER), so
# dependencies are shared with the tests.
exec "$@" -Cinstrument-coverage -Copt-level=0
