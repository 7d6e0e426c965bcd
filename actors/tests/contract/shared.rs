//! Two nodes on one Redis, compared with a broker in memory. Each operation goes to one of the
//! nodes. Nodes die or stop, connections to Redis are cut, and answers of Redis are lost. At the
//! end Redis may go back to what it was before.
//!
//! Nodes tell each other of everything a little later, so each comparison waits until both sides
//! agree. Then clients must have been sent the same, but for repeats that are marked.

mod compare;
mod counts;
mod faults;
mod node;
mod plan;
mod rewind;
mod sent;
mod wire;
mod world;

use std::time::Duration;

use proptest::strategy::Strategy;
use tokio::time::timeout;

use crate::operation::Sequence;
use crate::run::Suite;
use crate::shared::counts::Counts;
use crate::shared::plan::{Event, sequence};
use crate::shared::world::World;
use crate::world::Checked;

/// The time within which an event must end. It is longer than all waits for something that the
/// event may contain.
const EVENT_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn two_nodes_on_redis_are_like_one_broker_in_memory() {
    let suite = Suite {
        sequences: || sequence().boxed(),
        run: run_sequence,
        counts: [100, 10_000],
        // Sequences mostly wait.
        threads: 4,
        attempts: 20,
    };
    suite.run_all();
}

fn run_sequence(sequence: Sequence<Event>) -> Checked<Counts> {
    actix::System::new().block_on(async {
        let mut world = World::start(sequence.setup).await;
        let done = run_events(&mut world, sequence.operations).await;
        let counts = world.end().await;
        done.and(counts)
    })
}

async fn run_events(world: &mut World, events: Vec<Event>) -> Checked {
    for (number, event) in events.into_iter().enumerate() {
        let text = format!("{event:?}");
        let done = timeout(EVENT_WITHIN, world.run(event)).await;
        let done = done.unwrap_or_else(|_| Err("has not ended".to_owned()));
        done.map_err(|error| format!("event {number}, {text}: {error}"))?;
    }
    Ok(())
}
