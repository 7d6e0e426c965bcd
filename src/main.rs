//! The command `channelstream`.

use std::process::ExitCode;

/// The allocator of the process. A call allocates about sixty times. With glibc's allocator a tenth
/// of a call's time was spent there, and memory went back to the system late
/// (`docs/performance.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    channelstream::cli::run()
}
