//! Runs many sequences, several at a time. A sequence that fails is made smaller.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use proptest::strategy::{BoxedStrategy, Strategy};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::counts::Counted;
use crate::operation::Sequence;
use crate::world::Checked;

/// One kind of sequence, and how it runs.
pub(crate) struct Suite<O, C> {
    /// Generates sequences.
    pub(crate) sequences: fn() -> BoxedStrategy<Sequence<O>>,
    /// Runs one sequence, and returns what happened in it.
    pub(crate) run: fn(Sequence<O>) -> Checked<C>,
    /// The number of sequences that run in `make test`, and with `ATTACK=long`.
    pub(crate) counts: [u64; 2],
    /// The number of sequences that run at a time.
    pub(crate) threads: usize,
    /// The number of attempts to make a sequence smaller.
    pub(crate) attempts: u32,
}

impl<O: Debug + 'static, C: Counted + Send> Suite<O, C> {
    /// Runs the sequences of all seeds, or that of `CONTRACT_SEED`. Each count must then be above
    /// 0.
    pub(crate) fn run_all(&self) {
        let seed = variable("CONTRACT_SEED");
        let is_long = std::env::var("ATTACK").is_ok_and(|scale| scale == "long");
        let count = self.counts[usize::from(is_long)];
        let first = variable("CONTRACT_FIRST").unwrap_or_default();
        let (first, end) = seed.map_or((first, first + count), |seed| (seed, seed + 1));
        let (begun, next) = (Instant::now(), AtomicU64::new(first));
        let work = || {
            let happened = RefCell::new(C::default());
            loop {
                let seed = next.fetch_add(1, Relaxed);
                if seed >= end {
                    return Ok(happened.into_inner());
                }
                if let Err(failure) = self.run_seed(seed, &happened) {
                    next.store(end, Relaxed);
                    return Err(format!("CONTRACT_SEED={seed}\n{failure}"));
                }
            }
        };
        let mut all = C::default();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads).map(|_| scope.spawn(work)).collect();
            for thread in threads {
                match thread.join().unwrap() {
                    Ok(happened) => all += happened,
                    Err(failure) => panic!("{failure}"),
                }
            }
        });
        println!("seeds {first}..{end}, {:.1?}\n{all}", begun.elapsed());
        if seed.is_none() {
            let missing = all.missing();
            assert!(missing.is_empty(), "never happened: {missing:?}");
        }
    }

    /// Runs the sequence of a seed. If it fails, runs smaller ones until none of them fails.
    fn run_seed(&self, seed: u64, happened: &RefCell<C>) -> Result<(), String> {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let config = Config {
            failure_persistence: None,
            max_shrink_iters: self.attempts,
            ..Config::default()
        };
        let mut runner = TestRunner::new_with_rng(config, rng);
        let tree = (self.sequences)().new_tree(&mut runner).unwrap();
        let has_failed = Cell::new(false);
        let run = |sequence| match (self.run)(sequence) {
            Ok(counts) => {
                *happened.borrow_mut() += counts;
                Ok(())
            }
            Err(failure) => {
                // It may take a while to make the sequence smaller.
                if !has_failed.replace(true) {
                    println!("CONTRACT_SEED={seed} has failed: {failure}");
                }
                Err(TestCaseError::fail(failure))
            }
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
}

/// Returns the number in an environment variable.
fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap())
}
