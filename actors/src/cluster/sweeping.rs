//! Looks for nodes that have died, and ends what they have left behind.
//!
//! Every node counts its beats in Redis. A node whose count does not change for a while is declared
//! dead, and cannot call any more. Its connections become absent when their clients do not come
//! back to another node, and end later. A node that stops in order says how long its clients may
//! stay away, and is left alone for that time. All nodes do this, and it does no harm if several do
//! it at once. No clock is compared with another one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::cluster::connection::DoesServe;
use crate::core::cluster::answer::{Answer, Listed, Pulse};
use crate::core::cluster::call::{Call, NodeId, Turn};
use crate::directory::IfAbsent;
use crate::limits::Limits;
use crate::name::ConnId;

/// The number of beats that a dead node has left out, and the least number of looks in this time.
const LOOKS: u32 = Limits::BEATS_LEFT_OUT;

/// What is known of another node.
struct Observed {
    beats: u64,
    /// The time at which the number of beats was first seen, and the number of looks since then.
    since: Instant,
    looks: u32,
}

/// Watches the beats of the nodes.
struct Watch {
    /// The time between two beats.
    beat: Duration,
    nodes: BTreeMap<NodeId, Observed>,
    last_look: Option<Instant>,
}

impl Watch {
    fn new(beat: Duration) -> Self {
        Self {
            beat,
            nodes: BTreeMap::new(),
            last_look: None,
        }
    }

    /// Notes the beats of all nodes. Returns those that are dead, and whose clients need not be
    /// waited for.
    fn look(&mut self, own: NodeId, pulses: &BTreeMap<NodeId, Pulse<Bytes>>) -> BTreeSet<NodeId> {
        let now = Instant::now();
        // After a long pause this node was away itself, and does not know whether others were.
        let longest_pause = self.beat * LOOKS / 2;
        let was_away = self.last_look.is_some_and(|at| now - at > longest_pause);
        if was_away {
            self.nodes.clear();
        }
        self.last_look = Some(now);
        self.nodes.retain(|node, _| pulses.contains_key(node));
        let mut dead = BTreeSet::new();
        for (node, pulse) in pulses.iter().filter(|(node, _)| **node != own) {
            let Pulse { beats, away, .. } = *pulse;
            let observed = self.nodes.entry(*node).or_insert(Observed {
                beats,
                since: now,
                looks: 0,
            });
            if observed.beats != beats {
                (observed.beats, observed.since, observed.looks) = (beats, now, 0);
            }
            observed.looks += 1;
            let silence = (self.beat * LOOKS).max(away);
            if observed.looks > LOOKS && now - observed.since >= silence {
                dead.insert(*node);
            }
        }
        dead
    }

    /// Forgets everything, because Redis could not be asked.
    fn forget(&mut self) {
        self.nodes.clear();
    }
}

impl Cluster {
    /// Beats, and declares nodes dead whose beats have stopped. Runs as long as the server runs.
    pub(super) async fn beat(&self) {
        let interval = self.common.limits().beat;
        let mut watch = Watch::new(interval);
        let mut swept: BTreeSet<NodeId> = BTreeSet::new();
        loop {
            let about = self.describe();
            match self.node.make(Call::Beat { about }).await {
                Ok(Answer::Beats(pulses)) => {
                    swept.retain(|node| pulses.contains_key(node));
                    let dead = watch.look(self.node.id(), &pulses);
                    self.show_nodes(&pulses, &dead);
                    self.measure_lag();
                    for node in dead {
                        let away = Duration::ZERO;
                        let declared = self.node.make(Call::Declare { node, away }).await;
                        if declared == Ok(Answer::Done) && swept.insert(node) {
                            log::warn!("the node {} has stopped", node.0);
                            self.node.counters().count_dead();
                            let cluster = self.clone();
                            actix::spawn(async move { cluster.sweep(node).await });
                        }
                    }
                }
                Ok(_) => {}
                Err(_) => watch.forget(),
            }
            sleep(interval).await;
        }
    }

    /// Ends what a dead node has left behind.
    async fn sweep(&self, node: NodeId) {
        let limits = self.common.limits();
        let begun = Instant::now();
        loop {
            let elapsed = begun.elapsed();
            let (leave, end) = (
                elapsed >= limits.presence_grace,
                elapsed >= limits.presence_grace + limits.idle,
            );
            match self.node.make(Call::List { node }).await {
                Ok(Answer::Listed(listed)) if listed.is_empty() => return,
                Ok(Answer::Listed(listed)) => self.end_listed(&listed, leave, end).await,
                Ok(_) | Err(_) => {}
            }
            sleep(limits.beat / 2).await;
        }
    }

    /// Makes connections absent, and ends those that are absent already.
    async fn end_listed(&self, listed: &[Listed], leave: bool, end: bool) {
        let calls = listed.iter().filter_map(|it| {
            let (conn_id, turn) = (it.conn_id, it.turn);
            match it.is_here {
                true if leave => Some(Call::Leave {
                    conn_id,
                    turn,
                    heard: None,
                }),
                false if end => Some(Call::End {
                    conn_id,
                    turn: Some(turn),
                }),
                _ => None,
            }
        });
        let made: Vec<_> = calls.map(|call| self.node.make(call)).collect();
        // What fails is done in the next sweep.
        drop(join_all(made).await);
    }

    /// Ends connections whose records name this node and that it does not know, as after an answer
    /// that was lost. Runs as long as the server runs.
    pub(super) async fn sweep_unknown(&self) {
        let idle = self.common.limits().idle;
        let mut before: BTreeSet<(ConnId, Turn)> = BTreeSet::new();
        loop {
            sleep(idle).await;
            let node = self.node.id();
            let Ok(Answer::Listed(listed)) = self.node.make(Call::List { node }).await else {
                continue;
            };
            let ask = |it: Listed| async move {
                let asked = DoesServe(it.turn);
                let known = self.connections.ask(it.conn_id, IfAbsent::Skip, asked);
                (!known.await.unwrap_or(false)).then_some(it)
            };
            let unknown = join_all(listed.into_iter().map(ask)).await;
            let unknown: Vec<_> = unknown.into_iter().flatten().collect();
            // A connection that is unknown for the first time may be about to be known.
            let is_old = |it: &&Listed| before.contains(&(it.conn_id, it.turn));
            let old: Vec<_> = unknown.iter().filter(is_old).copied().collect();
            self.end_listed(&old, true, true).await;
            before = unknown.iter().map(|it| (it.conn_id, it.turn)).collect();
        }
    }
}
