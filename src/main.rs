//! The command `channelstream`.

use std::process::ExitCode;

/// The allocator of the process. A call allocates about sixty times. With glibc's allocator a tenth
/// of a call's time was spent there, and memory went back to the system late
/// (`docs/performance.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The variable by which an operator tells the allocator whether to use huge pages.
#[cfg(target_os = "linux")]
const ALLOW_HUGE_PAGES: &str = "MIMALLOC_ALLOW_THP";

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    if std::env::var_os(ALLOW_HUGE_PAGES).is_none() {
        // The kernel merges huge pages also where the allocator has given memory back, so the
        // resident memory of a server with a steady load would grow (`docs/performance.md`). A
        // kernel that does not know this call has no such pages.
        let _ = rustix::thread::disable_transparent_huge_pages(true);
    }
    channelstream::cli::run()
}
