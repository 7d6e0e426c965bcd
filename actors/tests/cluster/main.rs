//! Searches the decisions of `core::cluster` for faults. Redis with its scripts, the nodes and the
//! clients are plain values, so a test can go through all orders in which a few things happen, and
//! through many orders in which much happens.
//!
//! `SETUP=name SEED=n` repeats one random walk. A walk that fails is made shorter, and printed.
//! `ATTACK=long` searches more.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    reason = "a test must fail at anything unexpected"
)]

mod action;
mod calls;
mod checks;
mod client;
mod content;
mod faults;
mod logs;
mod mutation;
mod node;
mod outlet;
mod possible;
mod presence;
mod random;
mod reading;
mod real;
mod redis;
#[path = "../redis_server/mod.rs"]
mod redis_server;
mod scripts;
mod search;
mod sessions;
mod setups;
mod texts;
mod trace;
mod users;
mod world;

use std::collections::BTreeSet;
use std::time::Instant;

use crate::action::Action;
use crate::mutation::Mutation;
use crate::search::{search, shrink, walk};
use crate::setups::{Setup, large_setups, setups};
use crate::trace::trace;

/// Returns the first number, or with `ATTACK=long` the second one.
fn scaled<T>(short: T, long: T) -> T {
    let is_long = std::env::var("ATTACK").is_ok_and(|scale| scale == "long");
    if is_long { long } else { short }
}

/// Returns whether the setup is the one that `SETUP` names, if any.
fn is_chosen(setup: &Setup) -> bool {
    std::env::var("SETUP").map_or(true, |name| name == setup.name)
}

#[test]
fn no_order_of_events_breaks_a_promise() {
    let most = scaled(100_000, 5_000_000);
    for setup in setups().into_iter().filter(is_chosen) {
        let begun = Instant::now();
        let found = search(&setup, None, most);
        println!(
            "{}: {} worlds, {} at rest, complete: {}, {:.1?}",
            setup.name,
            found.worlds,
            found.rests,
            found.is_complete,
            begun.elapsed()
        );
        if let Some((failure, actions)) = found.failure {
            let trace = trace(&setup, None, &actions);
            panic!("SETUP={}: {failure}\n{trace}", setup.name);
        }
        assert!(found.rests > 0);
    }
}

#[test]
fn no_random_walk_breaks_a_promise() {
    let walks = scaled(1000, 100_000);
    let seed: Option<u64> = std::env::var("SEED").ok().map(|seed| seed.parse().unwrap());
    let mut happened = BTreeSet::new();
    for setup in large_setups().into_iter().filter(is_chosen) {
        let begun = Instant::now();
        for seed in seed.map_or(0..walks, |seed| seed..seed + 1) {
            match walk(&setup, None, seed) {
                Ok(actions) => happened.extend(actions.iter().map(Action::name)),
                Err(failure) => {
                    let (failure, actions) = shrink(&setup, None, failure);
                    let trace = trace(&setup, None, &actions);
                    panic!("SETUP={} SEED={seed}: {failure}\n{trace}", setup.name);
                }
            }
        }
        println!("{}: {:.1?}", setup.name, begun.elapsed());
    }
    if seed.is_none() && std::env::var("SETUP").is_err() {
        println!("{happened:?}");
        assert_eq!(happened.len(), Action::KINDS, "each action happens");
    }
}

#[test]
fn each_planted_fault_is_found() {
    let mut missed = Vec::new();
    for mutation in Mutation::ALL {
        if scaled(RARE.contains(&mutation), false) {
            continue;
        }
        let begun = Instant::now();
        match find(mutation) {
            Some(found) => println!("{mutation:?}: {found} ({:.1?})", begun.elapsed()),
            None => missed.push(mutation),
        }
    }
    assert!(missed.is_empty(), "nothing found {missed:?}");
}

/// The faults that only the long form looks for. They need orders of events that are rare.
const RARE: [Mutation; 2] = [Mutation::TermsCountUp, Mutation::TurnOfRecord];

/// Looks for a planted fault. Returns the setup in which it was found, and what it broke.
fn find(mutation: Mutation) -> Option<String> {
    for seed in 0..scaled(4000, 20_000) {
        for setup in large_setups() {
            if let Err((failure, _)) = walk(&setup, Some(mutation), seed) {
                return Some(format!("{}, seed {seed}: {failure}", setup.name));
            }
        }
    }
    for setup in setups().into_iter().rev() {
        if let Some((failure, _)) = search(&setup, Some(mutation), scaled(0, 5_000_000)).failure {
            return Some(format!("{}: {failure}", setup.name));
        }
    }
    None
}
