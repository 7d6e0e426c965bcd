//! Both brokers in lock-step: each operation is done on both, and then both must agree.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use channelstream_actors::broker::Broker;
use channelstream_actors::limits::Limits;
use channelstream_actors::position::{Epoch, Report};
use channelstream_actors::store::Store;
use channelstream_actors::store::file::{FileOptions, FileStore};

use crate::counts::Counts;
use crate::gaps::Gaps;
use crate::model::Model;
use crate::normal::difference;
use crate::numbering::Numbering;
use crate::operation::{CONNECTIONS, Draft, Kind, Operation, Return, Setup};
use crate::side::{Side, channel_name, limits};
use crate::step::Step;
use crate::store::options;

/// The result of a check. The error describes the difference.
pub(crate) type Checked<T = ()> = Result<T, String>;

/// Both brokers, and the record of what has happened to them.
pub(crate) struct World {
    pub(crate) setup: Setup,
    pub(crate) limits: Limits,
    pub(crate) options: FileOptions,
    pub(crate) store: FileStore,
    /// The broker that keeps nothing.
    pub(crate) memory: Side,
    /// The broker on the file store.
    pub(crate) file: Side,
    /// The steps that have happened, without those that were lost.
    pub(crate) steps: Vec<Step>,
    /// The number of the steps that are committed.
    pub(crate) committed: usize,
    pub(crate) gaps: Gaps,
    pub(crate) counts: Counts,
    numbering: Numbering,
    /// What clients of both brokers are presumed to have read if they poll again.
    pub(crate) presumed: [Option<Read>; CONNECTIONS],
    pub(crate) order: Vec<Order>,
}

/// The position that a client has read, in the logs of each broker.
#[derive(Clone, Default)]
pub(crate) struct Read {
    pub(crate) memory: Report,
    pub(crate) file: Report,
}

/// What the client of a connection was sent until now.
#[derive(Default)]
pub(crate) struct Order {
    /// The offset up to which its present transport was sent each log.
    pub(crate) sent: HashMap<Epoch, u64>,
    pub(crate) events: HashSet<(Epoch, String)>,
}

impl World {
    pub(crate) fn new(setup: Setup, folder: &Path) -> Self {
        let (limits, options) = (limits(setup), options(setup, folder));
        let (store, kept) = FileStore::open(&options).unwrap();
        let broker = Broker::with_store(limits.clone(), Store::File(store.clone()), kept);
        Self {
            setup,
            memory: Side::new(Broker::new(limits.clone())),
            file: Side::new(broker),
            limits,
            options,
            store,
            steps: Vec::new(),
            committed: 0,
            gaps: Gaps::default(),
            counts: Counts::default(),
            numbering: Numbering::default(),
            presumed: Default::default(),
            order: (0..CONNECTIONS).map(|_| Order::default()).collect(),
        }
    }

    /// Executes the next operation.
    pub(crate) async fn run(&mut self, operation: Operation) -> Checked {
        match operation {
            Operation::Commit => self.commit().await,
            Operation::Restart(returns) => self.restart(returns).await,
            Operation::Crash(returns) => self.crash(returns).await,
            Operation::CutOff { .. } if !self.setup.is_short => self.cut_off(operation).await,
            Operation::CutOff { key, drafts, .. } => self.once(key, drafts).await,
            Operation::Forget { channel } => self.forget(channel).await,
            operation => self.both(operation).await,
        }
    }

    /// Makes a call with an idempotency key on both brokers.
    pub(crate) async fn once(&mut self, key: usize, drafts: Vec<Draft>) -> Checked {
        self.both(Operation::Once {
            key,
            drafts,
            has_other_body: false,
        })
        .await
    }

    /// Forgets a channel that has at most one connection; the others unsubscribe first. The broker
    /// removes connections in any order, so the two brokers would tell the remaining ones different
    /// things.
    async fn forget(&mut self, channel: usize) -> Checked {
        let name = channel_name(channel).to_string();
        let places = self.memory.occupied_places().await.into_iter();
        let here = places.filter(|(_, log)| *log == name).skip(1);
        for (connection, _) in here {
            let channels = vec![channel];
            self.both(Operation::Unsubscribe {
                connection,
                channels,
            })
            .await?;
        }
        self.both(Operation::Forget { channel }).await
    }

    /// Commits everything that was done.
    pub(crate) async fn commit(&mut self) -> Checked {
        self.store
            .commit_now()
            .await
            .map_err(|error| error.to_string())?;
        self.committed = self.steps.len();
        Ok(())
    }

    /// Executes an operation on both brokers, and compares them.
    pub(crate) async fn both(&mut self, operation: Operation) -> Checked {
        let mut step = self.step(operation);
        let mut brings = Read::default();
        if let Operation::Attach {
            connection,
            brings_position: true,
            ..
        } = &step.operation
        {
            brings.memory = self.memory.known(*connection);
            brings.file = self.file.known(*connection);
            step.brings = self.memory.places(&brings.memory);
        }
        if let Operation::Read {
            connection,
            batches,
            ..
        } = &mut step.operation
        {
            *batches = self.events_of(*connection, *batches);
        }
        if let Operation::Disconnect { connection } = step.operation {
            self.gaps.forget(connection);
        }
        let says = self.begin_attach(&step.operation, &brings);
        let memory = self.memory.perform(&step, brings.memory).await;
        self.memory.settle(self.setup).await;
        let file = self.file.perform(&step, brings.file).await;
        self.file.settle(self.setup).await;
        if memory != file {
            return Err(format!("answers differ\n{}", difference(&memory, &file)));
        }
        self.counts.answer(&step.operation, &memory);
        let is_call = step.operation.is_answered_when_kept();
        let lost_before = self.counts.lost_transports;
        self.compare(step, &says).await?;
        if self.setup.is_durable {
            // The store has kept what was answered, but not the fact that it was too much for a
            // client.
            self.committed = self.steps.len();
            if !is_call || self.counts.lost_transports > lost_before {
                self.commit().await?;
            }
        }
        Ok(())
    }

    /// Returns the number of events in this many batches. It counts only batches after which both
    /// brokers have begun a new batch.
    fn events_of(&self, connection: usize, batches: usize) -> usize {
        let memory = self.memory.clients[connection].unread();
        let mut file = self.file.clients[connection].unread();
        file.retain(|events| memory.contains(events));
        let last = file.last().copied().unwrap_or_default();
        file.get(batches - 1).copied().unwrap_or(last)
    }

    /// Chooses what the numbers of an operation mean.
    pub(crate) fn step(&mut self, operation: Operation) -> Step {
        if let Operation::Once { key, .. } = &operation {
            self.counts.repeated_calls += usize::from(self.numbering.is_known(*key));
        }
        let mut step = self.numbering.step(operation);
        if let Operation::Attach {
            connection,
            is_narrow,
            ..
        } = &mut step.operation
        {
            *is_narrow &= !self.is_narrow_elsewhere(*connection);
        }
        step
    }

    /// Returns whether another client has a transport with a narrow queue. If one message was too
    /// much for two of them, they would part in any order, and the brokers would show different
    /// things.
    fn is_narrow_elsewhere(&self, connection: usize) -> bool {
        let clients = self.file.clients.iter().enumerate();
        let mut others = clients.filter(|(index, _)| *index != connection);
        others.any(|(_, client)| client.listens().is_some_and(|(_, is_narrow)| is_narrow))
    }

    /// Records and returns the position that a client reports by attaching.
    fn begin_attach(&mut self, operation: &Operation, brings: &Read) -> Read {
        let Operation::Attach {
            connection,
            kind,
            brings_position,
            ..
        } = operation
        else {
            return Read::default();
        };
        self.order[*connection].sent.clear();
        let presumed = self.presumed[*connection].take();
        let says = match presumed {
            Some(presumed) if *kind == Kind::Poll && !brings_position => presumed,
            _ => brings.clone(),
        };
        let confirmed = self.file.clients[*connection].confirmed();
        for report in [&confirmed, &says.file] {
            self.counts.gaps_read += self.gaps.read(*connection, report);
        }
        says
    }

    /// Lets all absent clients attach, and compares the file store's broker with the model.
    pub(crate) async fn finish(&mut self) -> Checked {
        let all = Return {
            all: true,
            brings_position: true,
        };
        self.restart(all).await?;
        for connection in 0..CONNECTIONS {
            let attach = Operation::Attach {
                connection,
                kind: Kind::Socket,
                brings_position: true,
                is_narrow: false,
            };
            self.both(attach).await?;
        }
        let shown = self.file.read_shown().await;
        Model::of(&self.steps).compare(&shown.info, &self.file.ids, self.setup)
    }
}
