//! Takes a sample of the server's numbers once a second and keeps the samples of the last hour. It
//! does so even while no panel is open.

use std::time::{Duration, Instant};

use actix::prelude::*;
use channelstream_actors::broker::Broker;
use channelstream_actors::protocol::timestamp::Moment;
use channelstream_actors::transport::ByTransport;

use crate::logging::refusals::count_refused;
use crate::operators::samples::{Sample, Samples};
use crate::operators::store_report::StoreReport;

const INTERVAL: Duration = Duration::from_secs(1);

/// The counters of the server, since its start.
#[derive(Clone, Copy, Default)]
struct CounterTotals {
    deliveries: ByTransport<u64>,
    messages: u64,
    full_queues: u64,
    too_slow: u64,
    refused: u64,
}

impl CounterTotals {
    fn of(broker: &Broker) -> Self {
        let counters = broker.counters();
        Self {
            deliveries: counters.deliveries(),
            messages: counters.messages(),
            full_queues: counters.full_queues(),
            too_slow: counters.too_slow(),
            refused: count_refused(),
        }
    }
}

/// Asks for the samples after a time, in microseconds since 1970. The reply begins with the oldest.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "Vec<Sample>")]
pub(crate) struct ListSince(pub(crate) u64);

/// The actor that takes a sample of the server's numbers every second. The server has one.
pub struct Monitor {
    broker: Broker,
    /// The samples of the last hour.
    samples: Samples,
    /// The counters at the last sample.
    before: CounterTotals,
    /// The time at which the last sample was taken.
    at: Instant,
}

impl Monitor {
    /// Creates the monitor of this broker.
    pub fn new(broker: Broker) -> Self {
        Self {
            broker,
            samples: Samples::default(),
            before: CounterTotals::default(),
            at: Instant::now(),
        }
    }

    fn take_sample(&mut self) {
        let population = self.broker.population();
        let (now, before) = (CounterTotals::of(&self.broker), self.before);
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
            store: StoreReport::of(self.broker.store()),
        };
        self.samples.add(sample);
        (self.before, self.at) = (now, Instant::now());
    }
}

impl Actor for Monitor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.run_interval(INTERVAL, |monitor, _| monitor.take_sample());
    }
}

impl Handler<ListSince> for Monitor {
    type Result = MessageResult<ListSince>;

    fn handle(&mut self, ListSince(moment): ListSince, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.samples.since(moment))
    }
}
