//! The command `channelstream-bench` puts load on a server and reports what it measured.
//!
//! In reading order:
//!
//! - [`scenario`]: the load; [`target`]: the server; [`report`]: the results;
//! - [`audience`] and [`subscriber`]: the subscribers; [`tally`]: the check of all deliveries;
//!   [`stamp`]: the mark by which a delivery is recognised;
//! - [`program`]: starts servers; [`process`]: CPU and memory; [`http`] and [`frames`]: the
//!   protocols; [`progress`]: bars for the terminal;
//! - [`limit`]: a server that only writes; [`compare`]: all servers in turn;
//! - [`cluster`]: several nodes that share one Redis;
//! - [`soak`]: checks that nothing grows over a long time;
//! - [`instructions`]: counts the instructions of each call of this server, under valgrind.
//!
//! All subscribers share one thread, and have no buffer or timer of their own: the tool shares the
//! machine with the server that it measures.

mod audience;
mod cli;
mod cluster;
mod compare;
mod frames;
mod http;
mod instructions;
mod limit;
mod process;
mod program;
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
