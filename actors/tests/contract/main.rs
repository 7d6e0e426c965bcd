//! Checks that every store keeps the same contract. Random sequences of operations run on two
//! brokers in lock-step, one in memory and one on another store. After each operation both must
//! have answered, shown and sent the same. On the file store there are restarts and crashes in
//! between. On Redis there are two nodes, which take the operations in turn, with faults of nodes,
//! connections and Redis in between.
//!
//! `CONTRACT_SEED=n` runs one sequence again, and with `CONTRACT_FIRST=n` the sequences begin with
//! this seed. A sequence that fails is made smaller, and printed with its seed.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test must fail at anything unexpected"
)]

mod client;
mod compare;
mod counts;
mod faults;
mod gaps;
mod generate;
mod knowledge;
mod model;
mod normal;
mod numbering;
mod operation;
#[path = "../redis_server/mod.rs"]
mod redis_server;
mod run;
mod shared;
mod side;
mod step;
mod store;
mod transport;
mod values;
mod world;

use std::path::{Path, PathBuf};

use proptest::strategy::Strategy;
use tempfile::TempDir;

use crate::counts::Counts;
use crate::generate::sequence;
use crate::operation::{Operation, Sequence};
use crate::run::Suite;
use crate::world::{Checked, World};

#[test]
fn a_broker_on_a_file_goes_on_as_if_it_had_never_stopped() {
    let suite = Suite {
        sequences: || sequence().boxed(),
        run: run_sequence,
        counts: [300, 10_000],
        threads: 1,
        attempts: 2000,
    };
    suite.run_all();
}

/// Runs a sequence in an actix system of its own, which ends all its actors.
fn run_sequence(sequence: Sequence<Operation>) -> Checked<Counts> {
    let folder = TempDir::new_in(place()).unwrap();
    actix::System::new().block_on(run_operations(sequence, folder.path()))
}

async fn run_operations(sequence: Sequence<Operation>, folder: &Path) -> Checked<Counts> {
    let mut world = World::new(sequence.setup, folder);
    for (number, operation) in sequence.operations.into_iter().enumerate() {
        let text = format!("{operation:?}");
        let done = world.run(operation).await;
        done.map_err(|error| format!("operation {number}, {text}: {error}"))?;
    }
    world.finish().await?;
    Ok(world.counts)
}

/// Returns a folder in memory, if the machine has one.
fn place() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    }
}
