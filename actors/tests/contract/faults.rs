//! Restarts and crashes of the file store's broker, and how the memory broker follows them.

use std::collections::BTreeMap;
use std::future::pending;
use std::mem::replace;

use bytestring::ByteString;
use channelstream_actors::broker::Broker;
use channelstream_actors::position::Report;
use channelstream_actors::store::Store;
use channelstream_actors::store::file::FileStore;
use futures_util::future::{Either, select};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::client::Client;
use crate::compare::agree;
use crate::model::Model;
use crate::normal::difference;
use crate::operation::{CONNECTIONS, Kind, Operation, Return};
use crate::side::{Side, channel_name};
use crate::step::{CallFailed, Published, Step, call};
use crate::values::done_drafts;
use crate::world::{Checked, Read, World};

/// A transport that listened before a stop.
struct Former {
    connection: usize,
    kind: Kind,
    is_narrow: bool,
}

impl World {
    /// Stops the server in order, and starts it again.
    pub(crate) async fn restart(&mut self, returns: Return) -> Checked {
        self.counts.restarts += 1;
        let former = self.listening();
        let before = self.file.read_shown().await.exact;
        let step = self.step(Operation::Restart(returns));
        self.memory.perform(&step, Report::default()).await;
        self.memory.settle(self.setup).await;
        self.file.broker.drain(Instant::now()).await;
        if let Some(left) = self
            .file
            .clients
            .iter()
            .position(|client| client.listens().is_some())
        {
            return Err(format!("connection {left} was not told to end"));
        }
        self.file.settle(self.setup).await;
        self.compare_stopped(step)?;
        let may_miss_entries = self.start()?;
        if may_miss_entries {
            return Err("an orderly stop counts as a crash".to_owned());
        }
        self.file.settle(self.setup).await;
        let after = self.file.read_shown().await.exact;
        if before != after {
            return Err(format!(
                "a restart has changed what the broker shows\n{}",
                difference(&before, &after)
            ));
        }
        self.committed = self.steps.len();
        self.come_back(former, returns).await
    }

    /// Compares what clients were sent until the server has stopped.
    fn compare_stopped(&mut self, step: Step) -> Checked {
        for connection in 0..CONNECTIONS {
            self.compare_sent(connection, None)?;
        }
        self.steps.push(step);
        Ok(())
    }

    /// Kills the process, so that what was not committed is lost, and starts it again.
    pub(crate) async fn crash(&mut self, returns: Return) -> Checked {
        let former = self.listening();
        let lost = self.steps.len() - self.committed;
        self.counts.crashes += 1;
        self.counts.durable_crashes += usize::from(self.setup.is_durable);
        self.counts.losing_crashes += usize::from(lost > 0);
        self.counts.lost_steps += lost;
        self.store.abandon().await;
        self.file.clients.iter_mut().for_each(Client::lose);
        let step = self.step(Operation::Crash(returns));
        let memory = self.rebuild_memory(&step).await;
        let may_miss_entries = self.start()?;
        if may_miss_entries == self.setup.is_durable {
            return Err(format!("entries may be missing: {may_miss_entries}"));
        }
        self.file.settle(self.setup).await;
        let (shown, file) = (self.memory.read_shown().await, self.file.read_shown().await);
        agree(&shown, &file).map_err(|error| format!("after a crash {error}"))?;
        self.file.count_logs_as(&self.memory);
        self.file.users = self.memory.users;
        let ends = self.ends().await;
        for connection in 0..CONNECTIONS {
            self.file.clients[connection].take_ends();
            self.take_knowledge(connection, &memory, &ends);
        }
        if !self.setup.is_durable {
            self.gaps.owe(self.memory.occupied_places().await);
        }
        self.steps.push(step);
        self.committed = self.steps.len();
        self.come_back(former, returns).await
    }

    /// Builds the memory broker again as of the last commit, with all transports ended as the store
    /// knows them. Returns the former memory broker.
    async fn rebuild_memory(&mut self, crash: &Step) -> Side {
        let former = replace(
            &mut self.memory,
            Side::new(Broker::new(self.limits.clone())),
        );
        self.memory.ids = former.ids.clone();
        self.steps.truncate(self.committed);
        for step in self.steps.iter().chain([crash]) {
            let brings = self.memory.report(&step.brings);
            self.memory.perform(step, brings).await;
            self.memory.settle(self.setup).await;
            self.memory.read_shown().await;
            for connection in 0..CONNECTIONS {
                self.memory.take_delivered(connection);
                self.memory.clients[connection].take_ends();
                self.memory.take_read(connection);
            }
        }
        former
    }

    /// Starts a server on the file. Returns whether entries may be missing.
    fn start(&mut self) -> Checked<bool> {
        let (store, kept) = FileStore::open(&self.options).map_err(|error| error.to_string())?;
        let may_miss_entries = kept.may_miss_entries;
        self.store = store.clone();
        let broker = Broker::with_store(self.limits.clone(), Store::File(store), kept);
        self.file.start(broker, may_miss_entries);
        Ok(may_miss_entries)
    }

    /// Gives the client of a connection what it knew before a crash.
    fn take_knowledge(&mut self, connection: usize, before: &Side, ends: &BTreeMap<String, u64>) {
        let (known_lost, unnamed) = self.memory.take_knowledge(connection, before, ends);
        for (log, offset) in known_lost {
            self.counts.known_lost += 1;
            self.gaps.set_known_lost(connection, &log, offset);
        }
        for log in unnamed {
            self.file.forget(connection, &log);
            self.gaps.clear_known_lost(connection, &log.name);
        }
    }

    /// Returns the offsets of the latest entries that were kept.
    async fn ends(&self) -> BTreeMap<String, u64> {
        let mut ends = Model::of(&self.steps).private_ends();
        for name in self.memory.logs.keys() {
            let index = name
                .strip_prefix("channel-")
                .and_then(|index| index.parse().ok());
            let Some(index) = index else { continue };
            let detail = self
                .memory
                .broker
                .inspect_channel(channel_name(index))
                .await
                .unwrap();
            let end = detail.and_then(|detail| Some(detail.log.last()?.offset));
            ends.insert(name.clone(), end.unwrap_or_default());
        }
        ends
    }

    fn listening(&self) -> Vec<Former> {
        let clients = self.file.clients.iter().enumerate();
        let former = clients.map(|(connection, client)| {
            let (kind, is_narrow) = client.listens()?;
            Some(Former {
                connection,
                kind,
                is_narrow,
            })
        });
        former.flatten().collect()
    }

    /// Attaches the clients again that listened before a stop.
    async fn come_back(&mut self, former: Vec<Former>, returns: Return) -> Checked {
        let stays_away = usize::from(!returns.all);
        for former in former.into_iter().skip(stays_away) {
            let attach = Operation::Attach {
                connection: former.connection,
                kind: former.kind,
                brings_position: returns.brings_position,
                is_narrow: former.is_narrow,
            };
            self.both(attach).await?;
        }
        Ok(())
    }

    /// Makes a call with an idempotency key, kills the process when a part of the call is done and
    /// kept, and repeats the call.
    pub(crate) async fn cut_off(&mut self, operation: Operation) -> Checked {
        let step = self.step(operation);
        let Operation::CutOff { key, drafts, done } = &step.operation else {
            return Ok(());
        };
        let (key, drafts) = (*key, drafts.clone());
        let broker = self.file.broker.clone();
        let (store, published) = (self.store.clone(), Published::default());
        let (kept, is_kept) = oneshot::channel();
        let part = done_drafts(&drafts, *done, step.first);
        let publish = call(broker.clone(), part, published.clone(), Ok(()));
        let once = async move {
            let cut_off = |claim| async move {
                publish(claim).await?;
                // The rest of the step follows. It is committed, and nothing after it.
                kept.send(()).unwrap();
                pending::<Result<ByteString, CallFailed>>().await
            };
            drop(broker.once(format!("key-{key}"), [0; 20], cut_off).await);
        };
        let once = actix::spawn(once);
        let was_cut_off = matches!(select(is_kept, once).await, Either::Left((Ok(()), _)));
        self.file.settle(self.setup).await;
        self.file.published(&published.take());
        self.memory.perform(&step, Report::default()).await;
        self.memory.settle(self.setup).await;
        self.compare(step, &Read::default()).await?;
        store
            .commit_now()
            .await
            .map_err(|error| error.to_string())?;
        self.committed = self.steps.len();
        if was_cut_off {
            self.counts.cut_off_calls += 1;
            self.crash(Return {
                all: true,
                brings_position: true,
            })
            .await?;
        }
        self.once(key, drafts).await
    }
}
