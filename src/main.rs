//! The command `channelstream`.

use std::process::ExitCode;

fn main() -> ExitCode {
    channelstream::cli::run()
}
