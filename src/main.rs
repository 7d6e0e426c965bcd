//! The command `channelstream`.

use std::process::ExitCode;

/// A call allocates some sixty times and a tenth of its time went into glibc's allocator, which
/// also gives memory back late (`docs/performance.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    channelstream::cli::run()
}
