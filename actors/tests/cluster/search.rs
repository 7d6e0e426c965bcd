//! Searches all orders in which things can happen in a world.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use crate::action::Action;
use crate::mutation::Mutation;
use crate::random::Random;
use crate::setups::Setup;
use crate::world::World;

/// The result of a search.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The number of different worlds.
    pub(crate) worlds: usize,
    /// The number of worlds in which nothing happens any more by itself.
    pub(crate) rests: usize,
    /// Whether all worlds were searched.
    pub(crate) is_complete: bool,
    /// What went wrong, and the actions that led to it.
    pub(crate) failure: Option<(String, Vec<Action>)>,
}

/// Searches all worlds that a setup can become, but not more than `most`.
pub(crate) fn search(setup: &Setup, mutation: Option<Mutation>, most: usize) -> Found {
    let hasher = RandomState::new();
    let digest = |world: &World| hasher.hash_one(world);
    let begin = World::new(setup, mutation);
    let mut found = Found::default();
    let mut known = HashSet::from([digest(&begin)]);
    let actions = begin.actions();
    let mut path: Vec<(World, Vec<Action>, Option<Action>)> = vec![(begin, actions, None)];
    while let Some((world, actions, _)) = path.last_mut() {
        let Some(action) = actions.pop() else {
            path.pop();
            continue;
        };
        let mut next = world.clone();
        let result = next.apply(action).and_then(|()| next.check_rest());
        match result {
            Ok(is_at_rest) => {
                if !known.insert(digest(&next)) {
                    continue;
                }
                found.rests += usize::from(is_at_rest);
                if known.len() >= most {
                    found.worlds = known.len();
                    return found;
                }
                let actions = next.actions();
                path.push((next, actions, Some(action)));
            }
            Err(failure) => {
                let before = path.iter().filter_map(|(_, _, action)| *action);
                found.failure = Some((failure, before.chain([action]).collect()));
                break;
            }
        }
    }
    found.worlds = known.len();
    found.is_complete = found.failure.is_none();
    found
}

/// The most actions after which a world in which no more faults happen must be at rest.
const LONGEST_REST: usize = 3000;

/// Lets a world go on at random until it is at rest and nothing more may happen. Returns what
/// happened.
///
/// # Errors
/// Returns what went wrong, and the actions that led to it.
pub(crate) fn walk(
    setup: &Setup,
    mutation: Option<Mutation>,
    seed: u64,
) -> Result<Vec<Action>, (String, Vec<Action>)> {
    let mut random = Random::new(seed);
    let mut world = World::new(setup, mutation);
    let mut taken = Vec::new();
    loop {
        let (internal, actions) = (world.internal(), world.external());
        // A burst of what happens by itself is as likely as something from outside.
        let chosen = match (actions.is_empty(), internal.is_empty()) {
            (true, true) => break,
            (false, true) => &actions,
            (true, false) => &internal,
            (false, false) if random.below(6) == 0 => &actions,
            (false, false) => &internal,
        };
        let action = chosen[random.below(chosen.len())];
        taken.push(action);
        if taken.len() > LONGEST_REST {
            return Err(("it never comes to rest".to_owned(), taken));
        }
        let result = world.apply(action).and_then(|()| world.check_rest());
        if let Err(failure) = result {
            return Err((failure, taken));
        }
    }
    Ok(taken)
}

/// Leaves actions out as long as the rest leads to a failure too. Returns the failure, and the
/// actions that are left.
pub(crate) fn shrink(
    setup: &Setup,
    mutation: Option<Mutation>,
    (mut failure, mut actions): (String, Vec<Action>),
) -> (String, Vec<Action>) {
    let mut size = actions.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < actions.len() {
            let mut fewer = actions.clone();
            fewer.drain(at..actions.len().min(at + size));
            match replay(setup, mutation, &fewer) {
                Err(shorter) if shorter.1.len() < actions.len() => (failure, actions) = shorter,
                _ => at += size,
            }
        }
        size /= 2;
    }
    (failure, actions)
}

/// Repeats those of the actions that are possible, and then lets the world come to rest.
fn replay(
    setup: &Setup,
    mutation: Option<Mutation>,
    actions: &[Action],
) -> Result<(), (String, Vec<Action>)> {
    let mut world = World::new(setup, mutation);
    let mut taken = Vec::new();
    let mut planned = actions.iter();
    loop {
        let action = match planned.next() {
            Some(action) if world.actions().contains(action) => *action,
            Some(_) => continue,
            None => match world.internal().first() {
                Some(action) if taken.len() < LONGEST_REST => *action,
                Some(_) => return Err(("it never comes to rest".to_owned(), taken)),
                None => return Ok(()),
            },
        };
        taken.push(action);
        if let Err(failure) = world.apply(action).and_then(|()| world.check_rest()) {
            return Err((failure, taken));
        }
    }
}
