//! Checks that every store keeps the same contract. Random sequences of operations run on two
//! brokers in lock-step, one in memory and one on the file store, with restarts and crashes in
//! between. After each operation both brokers must have answered, shown and sent the same.
//!
//! `CONTRACT_SEED=n` runs one sequence again. A sequence that fails is made smaller, and printed
//! with its seed.

#![expect(
    clippy::unwrap_used,
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
mod operation;
mod side;
mod step;
mod store;
mod transport;
mod values;
mod world;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Instant;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use tempfile::TempDir;

use crate::counts::Counts;
use crate::generate::sequence;
use crate::operation::Sequence;
use crate::world::{Checked, World};

/// The number of sequences that run in `make test`, and with `ATTACK=long`.
const SEQUENCES: [u64; 2] = [300, 10_000];

#[test]
fn a_broker_on_a_file_goes_on_as_if_it_had_never_stopped() {
    let seed = std::env::var("CONTRACT_SEED")
        .ok()
        .map(|seed| seed.parse().unwrap());
    let is_long = std::env::var("ATTACK").is_ok_and(|scale| scale == "long");
    let count = SEQUENCES[usize::from(is_long)];
    let seeds = seed.map_or(0..count, |seed| seed..seed + 1);
    let (begun, counts) = (Instant::now(), RefCell::new(Counts::default()));
    for seed in seeds {
        if let Err(failure) = run_seed(seed, &counts) {
            panic!("CONTRACT_SEED={seed}\n{failure}");
        }
    }
    let counts = counts.into_inner();
    println!("{:.1?}\n{counts}", begun.elapsed());
    if seed.is_none() {
        assert!(
            counts.missing().is_empty(),
            "never happened: {:?}",
            counts.missing()
        );
    }
}

/// Runs the sequence of a seed. If it fails, runs smaller ones until none of them fails.
fn run_seed(seed: u64, counts: &RefCell<Counts>) -> Result<(), String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config {
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let tree = sequence().new_tree(&mut runner).unwrap();
    let run = |sequence: Sequence| match run_sequence(sequence) {
        Ok(happened) => {
            *counts.borrow_mut() += happened;
            Ok(())
        }
        Err(failure) => Err(TestCaseError::fail(failure)),
    };
    match runner.run_one(tree, run) {
        Ok(_) => Ok(()),
        Err(TestError::Fail(reason, Sequence { setup, operations })) => {
            let operations = operations.iter().enumerate();
            let lines =
                operations.map(|(number, operation)| format!("{number:>3} {operation:?}\n"));
            let lines: String = lines.collect();
            Err(format!("{}\n{setup:?}\n{lines}", reason.message()))
        }
        Err(failure) => Err(failure.to_string()),
    }
}

/// Runs a sequence in an actix system of its own, which ends all its actors.
fn run_sequence(sequence: Sequence) -> Checked<Counts> {
    let folder = TempDir::new_in(place()).unwrap();
    actix::System::new().block_on(run_operations(sequence, folder.path()))
}

async fn run_operations(sequence: Sequence, folder: &Path) -> Checked<Counts> {
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
