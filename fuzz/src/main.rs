//! Runs one target under libFuzzer. `FUZZ_TARGET` names it.

#![no_main]
#![expect(
    clippy::expect_used,
    reason = "without a target there is nothing to do"
)]

use std::sync::LazyLock;

use channelstream_fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

/// The target to run.
static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
    let target = TARGETS.into_iter().find(|target| target.name == name);
    target.expect("FUZZ_TARGET is one of the targets of this crate")
});

fuzz_target!(|data: &[u8]| (TARGET.run)(data));
