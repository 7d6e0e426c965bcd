//! Publishes and receives messages, for `fanout`, `channels`, `publish` and `paced`, and for a part
//! of `idle` and `stalled`.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::audience::Audience;
use crate::process::{Usage, own_cpu};
use crate::report::Report;
use crate::scenario::{Bench, Common};
use crate::stamp::Stamp;
use crate::subscriber::SharedState;
use crate::tally::{Faults, Plan, Tally};
use crate::target::{Publisher, PublisherPool};

/// The time after which the run ends with an error if a message has not reached all subscribers.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);

/// The time after the last publication after which a missing message counts as lost.
const LOST_AFTER: Duration = Duration::from_secs(10);

const WARM_UP: Duration = Duration::from_secs(1);

/// The time at which the next message is published.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// When the last one was accepted and all subscribers have received it.
    WhenReceived,
    /// When the last one was answered, received or not.
    WhenAnswered,
    /// At this rate a second, independent of earlier messages. After a pause of the machine the
    /// publishers make up for what they did not send.
    PerSecond(f64),
    /// At this rate a second at the most. After a pause of the machine the publishers go on at this
    /// rate.
    AtMostPerSecond(f64),
}

/// The shape of a load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) channels: usize,
    /// The number of subscribers of each channel.
    pub(crate) subscribers: usize,
    pub(crate) publishers: usize,
    pub(crate) pace: Pace,
    pub(crate) common: Common,
}

/// A load that is running.
pub(crate) struct RunningLoad {
    load: Load,
    tally: Rc<Tally>,
    audience: Audience,
    /// The number of messages that each publisher has sent.
    sent: Vec<Rc<Cell<u32>>>,
    is_over: Rc<Cell<bool>>,
    publishers: Vec<JoinHandle<Result<()>>>,
}

/// The events between two moments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    pub(crate) seconds: f64,
    pub(crate) deliveries: u64,
    pub(crate) publications: u64,
    /// The CPU time of the server in seconds.
    pub(crate) cpu: Option<f64>,
    pub(crate) own_cpu: f64,
}

/// The counts at one moment of a run.
struct Moment {
    at: Instant,
    deliveries: u64,
    publications: u64,
    usage: Option<Usage>,
    own_cpu: f64,
}

impl Load {
    /// Loads the server, measures, and returns a report.
    pub(crate) async fn run(self, bench: &Bench) -> Result<Report> {
        let is_answered = matches!(self.pace, Pace::WhenAnswered);
        if is_answered && self.subscribers > 0 && !bench.target.kind().answers() {
            bail!("this kind of server does not answer publications");
        }
        let running = RunningLoad::start(self, bench).await?;
        let interval = running.measure(bench, "measuring").await?;
        let (latency, answers) = (running.take_latency(), running.tally.take_answers());
        let faults = running.end().await?;
        let scenario = match self {
            Self {
                pace: Pace::WhenAnswered,
                ..
            } => "publish",
            Self {
                pace: Pace::PerSecond(_) | Pace::AtMostPerSecond(_),
                ..
            } => "paced",
            Self { channels: 1, .. } => "fanout",
            _ => "channels",
        };
        let mut report = Report::new(scenario, bench.target.kind());
        let per_second = |count: u64| count as f64 / interval.seconds;
        report.add("published", per_second(interval.publications), "messages/s");
        if let Some(cpu) = interval.cpu.filter(|cpu| *cpu > 0.0) {
            report.add(
                "published per CPU second",
                interval.publications as f64 / cpu,
                "messages",
            );
        }
        if is_answered {
            for (name, quantile) in [("publish latency p50", 0.5), ("publish latency p99", 0.99)] {
                report.add(
                    name,
                    answers.value_at_quantile(quantile) as f64 / 1000.0,
                    "ms",
                );
            }
        }
        if self.subscribers > 0 {
            report.add("delivered", per_second(interval.deliveries), "deliveries/s");
            if let Some(cpu) = interval.cpu.filter(|cpu| *cpu > 0.0) {
                report.add(
                    "delivered per CPU second",
                    interval.deliveries as f64 / cpu,
                    "deliveries",
                );
            }
            for (name, quantile) in [
                ("latency p50", 0.5),
                ("latency p99", 0.99),
                ("latency p99.9", 0.999),
            ] {
                report.add(
                    name,
                    latency.value_at_quantile(quantile) as f64 / 1000.0,
                    "ms",
                );
            }
        }
        if let Some(cpu) = interval.cpu {
            report.add("server CPU", 100.0 * cpu / interval.seconds, "% of a core");
        }
        report.add(
            "tool CPU",
            100.0 * interval.own_cpu / interval.seconds,
            "% of a core",
        );
        report.add_faults(faults);
        Ok(report)
    }

    fn plan(&self, nodes: usize) -> Plan {
        Plan {
            channels: self.channels.max(1),
            slots: self.publishers.max(1),
            nodes,
        }
    }
}

impl RunningLoad {
    /// Connects the subscribers, begins to publish, and warms up.
    pub(crate) async fn start(load: Load, bench: &Bench) -> Result<Self> {
        let plan = load.plan(bench.target.nodes());
        let tally = Rc::new(Tally::new(plan)?);
        let shared = SharedState::new(tally.clone());
        let audience = Audience::connect(
            &bench.target,
            plan,
            load.subscribers,
            &shared,
            &bench.progress,
        )
        .await?;
        let pool = PublisherPool::new(&bench.target).await?;
        audience
            .wait_until_subscribed(plan, &pool, load.common.size, &tally)
            .await?;
        let sent: Vec<Rc<Cell<u32>>> = (0..plan.slots).map(|_| Rc::default()).collect();
        let is_over = Rc::<Cell<bool>>::default();
        let mut publishers = Vec::new();
        for (slot, sent) in sent.iter().enumerate() {
            let task = Publishing {
                load,
                plan,
                slot,
                tally: tally.clone(),
                publisher: pool.publisher().await?,
                sent: sent.clone(),
                is_over: is_over.clone(),
            };
            publishers.push(tokio::task::spawn_local(task.run()));
        }
        let running = Self {
            load,
            tally,
            audience,
            sent,
            is_over,
            publishers,
        };
        sleep(WARM_UP).await;
        Ok(running)
    }

    /// Returns the times from publishing to receipt in microseconds that were measured last.
    pub(crate) fn take_latency(&self) -> Histogram<u64> {
        self.tally.take_latency()
    }

    /// Measures the next seconds.
    pub(crate) async fn measure(&self, bench: &Bench, step: &str) -> Result<Interval> {
        let before = self.moment(bench)?;
        self.tally.take_latency();
        self.tally.take_answers();
        bench
            .progress
            .wait(step, Duration::from_secs_f64(self.load.common.seconds))
            .await;
        let after = self.moment(bench)?;
        let cpu = before
            .usage
            .zip(after.usage)
            .map(|(before, after)| after.cpu - before.cpu);
        Ok(Interval {
            seconds: (after.at - before.at).as_secs_f64(),
            deliveries: after.deliveries - before.deliveries,
            publications: after.publications - before.publications,
            cpu,
            own_cpu: after.own_cpu - before.own_cpu,
        })
    }

    fn moment(&self, bench: &Bench) -> Result<Moment> {
        Ok(Moment {
            at: Instant::now(),
            deliveries: self.tally.deliveries(),
            publications: self.sent.iter().map(|sent| u64::from(sent.get())).sum(),
            usage: bench.processes.usage()?,
            own_cpu: own_cpu(),
        })
    }

    /// Stops publishing, waits for messages on their way, and checks that all have arrived.
    pub(crate) async fn end(self) -> Result<Faults> {
        self.is_over.set(true);
        for publisher in try_join_all(self.publishers).await? {
            publisher?;
        }
        let sent: Vec<u32> = self.sent.iter().map(|sent| sent.get()).collect();
        let end = Instant::now() + LOST_AFTER;
        while self.audience.missing(&sent) > 0 && Instant::now() < end {
            sleep(Duration::from_millis(20)).await;
        }
        let (doubled, disordered) = self.tally.doubled_and_disordered();
        Ok(Faults {
            lost: self.audience.missing(&sent),
            doubled,
            disordered,
        })
    }
}

/// The state of one publisher.
struct Publishing {
    load: Load,
    plan: Plan,
    slot: usize,
    tally: Rc<Tally>,
    publisher: Publisher,
    sent: Rc<Cell<u32>>,
    is_over: Rc<Cell<bool>>,
}

impl Publishing {
    async fn run(mut self) -> Result<()> {
        let mut schedule = Schedule::begin(self.load.pace, self.slot, self.plan.slots);
        let mut message = Vec::new();
        while !self.is_over.get() {
            let number = self.sent.get();
            if let Some(schedule) = &mut schedule {
                schedule.wait_for_turn().await;
            }
            message.clear();
            let stamp = Stamp {
                slot: u16::try_from(self.slot)?,
                number,
                micros: self.tally.micros(),
            };
            stamp.write(self.load.common.size, &mut message);
            self.tally
                .record_sent(self.slot, number, self.load.subscribers);
            self.sent.set(number + 1);
            let asked = self.tally.micros();
            let node = self.plan.node_of(self.slot, number);
            let channel = self.plan.channel_of(self.slot, number);
            self.publisher
                .publish_at(node, channel, &message)
                .await
                .context("publishing")?;
            self.tally.record_answer(self.tally.micros() - asked);
            if matches!(self.load.pace, Pace::WhenReceived) {
                let received =
                    timeout(DELIVERY_TIMEOUT, self.tally.wait_until_received(self.slot)).await;
                received.map_err(|_| {
                    anyhow!(
                        "a message did not reach all subscribers within {} seconds",
                        DELIVERY_TIMEOUT.as_secs()
                    )
                })?;
            }
            if matches!(self.load.pace, Pace::WhenAnswered) {
                // A protocol without answers would never yield to the other tasks.
                tokio::task::consume_budget().await;
            }
        }
        Ok(())
    }
}

/// The times at which one of several publishers sends, if they do not depend on answers.
struct Schedule {
    next: Instant,
    interval: Duration,
    /// Whether turns that were missed are made up for.
    makes_up: bool,
}

impl Schedule {
    /// Begins the schedule of the publisher `slot` of `slots`. Returns `None` for a pace that
    /// depends on answers.
    fn begin(pace: Pace, slot: usize, slots: usize) -> Option<Self> {
        let (rate, makes_up) = match pace {
            Pace::PerSecond(rate) => (rate, true),
            Pace::AtMostPerSecond(rate) => (rate, false),
            Pace::WhenReceived | Pace::WhenAnswered => return None,
        };
        Some(Self {
            next: Instant::now() + Duration::from_secs_f64(slot as f64 / rate),
            interval: Duration::from_secs_f64(slots as f64 / rate),
            makes_up,
        })
    }

    async fn wait_for_turn(&mut self) {
        if !self.makes_up {
            // A timer is late by a little, which the next turn makes up for.
            self.next = self.next.max(Instant::now() - self.interval);
        }
        sleep_until(self.next).await;
        self.next += self.interval;
    }
}
