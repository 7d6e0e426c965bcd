//! The command `channelstream-bench`: puts load on a server and says what it did.
//!
//! In reading order:
//!
//! - [`scenario`]: what is done; [`target`]: to which server; [`report`]: what came out;
//! - [`audience`] and [`subscriber`]: those who listen; [`tally`]: who has received what;
//!   [`stamp`]: by which it is known;
//! - [`process`]: CPU and memory; [`http`] and [`frames`]: the protocols; [`progress`]: for the
//!   terminal;
//! - [`limit`]: a server that does nothing but write; [`compare`]: all servers in turn;
//! - [`soak`]: whether anything grows in a long time;
//! - [`instructions`]: what this server executes for each call, under valgrind.
//!
//! One thread, no buffer and no timer of its own for a subscriber: the tool shares the machine with
//! the server that it measures.

mod audience;
mod cli;
mod compare;
mod frames;
mod http;
mod instructions;
mod limit;
mod process;
mod progress;
mod report;
mod scenario;
mod soak;
mod stamp;
mod subscriber;
mod tally;
mod target;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("channelstream-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
