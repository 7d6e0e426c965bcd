//! The numbers of a node that operators see.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// The counters of a node. Cloning shares them.
#[derive(Clone, Debug)]
pub(crate) struct NodeCounters(Arc<State>);

#[derive(Debug)]
struct State {
    is_connected: AtomicBool,
    problem: watch::Sender<Option<String>>,
    waiting: AtomicU64,
    calls: AtomicU64,
    refused: AtomicU64,
    entries: AtomicU64,
    missed: AtomicU64,
    terms: AtomicU64,
    losses: AtomicU64,
    dead: AtomicU64,
    nodes: AtomicU64,
    /// In milliseconds.
    lag: AtomicU64,
    /// The time of the latest restart or failover, in milliseconds since the counters were made; 0
    /// if there was none.
    restarted_at: AtomicU64,
    begun: Instant,
}

/// The time after a restart or a failover of Redis in which the nodes bring back what was lost.
const DOUBT: Duration = Duration::from_secs(5);

/// The reason why a node cannot serve at its start.
const FIRST_AWAITED: &str = "Redis has not answered yet";

/// The state of a node, and what it has counted since its start.
#[derive(Clone, Debug)]
pub struct NodeStatus {
    /// Whether there is a connection to Redis.
    pub is_connected: bool,
    /// The reason why the node cannot serve now: there is no connection, Redis refuses to write, or
    /// the feed brings nothing.
    pub problem: Option<String>,
    /// The number of calls that wait for Redis.
    pub waiting: u64,
    /// The number of calls that Redis has answered.
    pub calls: u64,
    /// The number of calls that were refused or given up.
    pub refused: u64,
    /// The number of entries of the feed that this node has read.
    pub entries: u64,
    /// The number of times that the feed was trimmed before this node had read it.
    pub missed: u64,
    /// The number of terms that have begun: of restarts and failovers of Redis.
    pub terms: u64,
    /// The number of times that this node has noticed that Redis has lost something.
    pub losses: u64,
    /// The number of nodes that this node has found dead.
    pub dead: u64,
    /// The number of nodes that are alive, this one among them.
    pub nodes: u64,
    /// The time that the node needed last to hand on everything up to the end of the feed.
    pub lag: Duration,
    /// The time since the node was started.
    pub uptime: Duration,
}

impl Default for NodeCounters {
    /// Creates the counters of a node whose first connection is awaited. Calls wait for it too, so
    /// they are not refused, but the node is not ready.
    fn default() -> Self {
        Self(Arc::new(State {
            is_connected: AtomicBool::new(true),
            problem: watch::Sender::new(Some(FIRST_AWAITED.to_owned())),
            waiting: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            entries: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            terms: AtomicU64::new(0),
            losses: AtomicU64::new(0),
            dead: AtomicU64::new(0),
            nodes: AtomicU64::new(1),
            lag: AtomicU64::new(0),
            restarted_at: AtomicU64::new(0),
            begun: Instant::now(),
        }))
    }
}

impl NodeCounters {
    pub(crate) fn is_connected(&self) -> bool {
        self.0.is_connected.load(Relaxed)
    }

    pub(crate) fn set_connected(&self, is_connected: bool) {
        self.0.is_connected.store(is_connected, Relaxed);
    }

    /// Sets the reason why the node cannot serve now.
    pub(crate) fn set_problem(&self, problem: Option<String>) {
        self.0.problem.send_replace(problem);
    }

    pub(crate) fn set_waiting(&self, count: usize) {
        self.0.waiting.store(count as u64, Relaxed);
    }

    pub(crate) fn count_calls(&self, count: usize) {
        self.0.calls.fetch_add(count as u64, Relaxed);
    }

    pub(crate) fn count_refused(&self, count: usize) {
        self.0.refused.fetch_add(count as u64, Relaxed);
    }

    pub(crate) fn count_entries(&self, count: usize) {
        self.0.entries.fetch_add(count as u64, Relaxed);
    }

    pub(crate) fn count_missed(&self) {
        self.0.missed.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_term(&self) {
        self.0.terms.fetch_add(1, Relaxed);
    }

    /// Notes that another process of Redis has taken over.
    pub(crate) fn note_restart(&self) {
        let now = self.0.begun.elapsed().as_millis();
        let now = u64::try_from(now).unwrap_or(u64::MAX).max(1);
        self.0.restarted_at.store(now, Relaxed);
    }

    /// Returns whether something that Redis does not know may be about to come back, because
    /// another process of Redis has taken over a moment ago.
    pub(crate) fn is_in_doubt(&self) -> bool {
        let at = self.0.restarted_at.load(Relaxed);
        let since = Duration::from_millis(at);
        at > 0 && self.0.begun.elapsed().saturating_sub(since) < DOUBT
    }

    pub(crate) fn count_loss(&self) {
        self.0.losses.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_dead(&self) {
        self.0.dead.fetch_add(1, Relaxed);
    }

    pub(crate) fn set_nodes(&self, count: usize) {
        self.0.nodes.store(count as u64, Relaxed);
    }

    /// Returns the number of nodes that are alive; 1 before they are known.
    pub(crate) fn nodes(&self) -> u32 {
        u32::try_from(self.0.nodes.load(Relaxed)).unwrap_or(u32::MAX)
    }

    pub(crate) fn set_lag(&self, lag: Duration) {
        let lag = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX);
        self.0.lag.store(lag, Relaxed);
    }

    pub(crate) fn status(&self) -> NodeStatus {
        let State {
            is_connected,
            problem,
            waiting,
            calls,
            refused,
            entries,
            missed,
            terms,
            losses,
            dead,
            nodes,
            lag,
            begun,
            ..
        } = &*self.0;
        NodeStatus {
            is_connected: is_connected.load(Relaxed),
            problem: problem.borrow().clone(),
            waiting: waiting.load(Relaxed),
            calls: calls.load(Relaxed),
            refused: refused.load(Relaxed),
            entries: entries.load(Relaxed),
            missed: missed.load(Relaxed),
            terms: terms.load(Relaxed),
            losses: losses.load(Relaxed),
            dead: dead.load(Relaxed),
            nodes: nodes.load(Relaxed),
            lag: Duration::from_millis(lag.load(Relaxed)),
            uptime: begun.elapsed(),
        }
    }
}
