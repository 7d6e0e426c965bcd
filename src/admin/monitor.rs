//! Looks at the server's numbers once a second and remembers the last minutes, whether a panel is
//! open or not.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use actix::prelude::*;
use channelstream_actors::broker::{Broker, Population};
use channelstream_actors::protocol::timestamp::Moment;
use channelstream_actors::transport::ByTransport;
use serde::Serialize;

use crate::error::refused;

const INTERVAL: Duration = Duration::from_secs(1);

/// Five minutes.
const REMEMBERED: usize = 300;

/// What the server was like in one second.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// When it ended: microseconds since 1970.
    pub at: u64,
    /// Clients that listen.
    listening: ByTransport<u64>,
    /// Events handed to them, in a second.
    deliveries: ByTransport<u64>,
    /// Messages published, in a second.
    messages: u64,
    /// How often a client's queue was full, in a second.
    full_queues: u64,
    /// Clients cut off for being too slow, in a second.
    too_slow: u64,
    /// Calls answered with an error, in a second.
    refused: u64,
    channels: usize,
    users: u64,
    connections: usize,
}

/// What was counted since the start.
#[derive(Clone, Copy, Default)]
struct Totals {
    deliveries: ByTransport<u64>,
    messages: u64,
    full_queues: u64,
    too_slow: u64,
    refused: u64,
}

impl Totals {
    fn of(broker: &Broker) -> Self {
        let counters = broker.counters();
        Self {
            deliveries: counters.deliveries(),
            messages: counters.messages(),
            full_queues: counters.full_queues(),
            too_slow: counters.too_slow(),
            refused: refused(),
        }
    }
}

/// Asks for the samples after a moment, in microseconds since 1970; oldest first. From open panels.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "Vec<Sample>")]
pub(super) struct Since(pub(super) u64);

/// One for the server.
pub struct Monitor {
    broker: Broker,
    samples: VecDeque<Sample>,
    /// What was counted up to the last sample, and when that was.
    before: Totals,
    at: Instant,
}

impl Monitor {
    /// Of this broker.
    pub fn new(broker: Broker) -> Self {
        Self {
            broker,
            samples: VecDeque::with_capacity(REMEMBERED),
            before: Totals::default(),
            at: Instant::now(),
        }
    }

    fn look(&mut self, context: &mut Context<Self>) {
        let broker = self.broker.clone();
        let population = async move { broker.population().await };
        context.spawn(
            population
                .into_actor(self)
                .map(|population, monitor, _| monitor.remember(population)),
        );
    }

    fn remember(&mut self, population: Population) {
        let (now, before) = (Totals::of(&self.broker), self.before);
        let seconds = self.at.elapsed().as_secs_f64().max(0.001);
        let rate = |now: u64, before: u64| ((now - before) as f64 / seconds).round() as u64;
        let sample = Sample {
            at: Moment::now().micros(),
            listening: self.broker.counters().listening(),
            deliveries: now
                .deliveries
                .zip(&before.deliveries, |now, before| rate(*now, *before)),
            messages: rate(now.messages, before.messages),
            full_queues: rate(now.full_queues, before.full_queues),
            too_slow: rate(now.too_slow, before.too_slow),
            refused: rate(now.refused, before.refused),
            channels: population.channels,
            users: self.broker.counters().users_online(),
            connections: population.connections,
        };
        if self.samples.len() == REMEMBERED {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
        (self.before, self.at) = (now, Instant::now());
    }
}

impl Actor for Monitor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.run_interval(INTERVAL, Self::look);
    }
}

impl Handler<Since> for Monitor {
    type Result = MessageResult<Since>;

    fn handle(&mut self, Since(moment): Since, _: &mut Context<Self>) -> Self::Result {
        let is_after = |sample: &&Sample| sample.at > moment;
        let newer: Vec<_> = self
            .samples
            .iter()
            .rev()
            .take_while(is_after)
            .cloned()
            .collect();
        MessageResult(newer.into_iter().rev().collect())
    }
}
