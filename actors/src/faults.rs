//! The handling of a panic in an actor.
//!
//! A panic ends only the task of the actor that panicked. That actor is dropped while its stack
//! unwinds. While it is dropped it informs its directory, which frees its name, and the broker,
//! which ends the connections that relied on the actor. Their clients connect again and are told of
//! a gap. All this costs nothing for a message that is handled without a panic.

use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::name::ConnId;

/// A kind of actor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ActorKind {
    /// A channel.
    Channel,
    /// A user.
    User,
    /// A connection.
    Connection,
}

impl ActorKind {
    /// Returns the name of the kind in metrics and in the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::User => "user",
            Self::Connection => "connection",
        }
    }
}

/// An actor that a panic has ended.
#[derive(Debug)]
pub(crate) struct PanickedActor {
    pub(crate) kind: ActorKind,
    /// The connections that relied on the actor and end with it.
    pub(crate) connections: Vec<ConnId>,
}

/// The place where actors that a panic ends are reported. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Arc<OnceLock<UnboundedSender<PanickedActor>>>);

impl Faults {
    /// Returns a receiver of the reports from now on. Only the first caller gets one.
    pub(crate) fn receiver(&self) -> Option<UnboundedReceiver<PanickedActor>> {
        let (sender, panicked) = unbounded_channel();
        self.0.set(sender).ok().map(|()| panicked)
    }

    /// Reports an actor that a panic ends.
    pub(crate) fn report(&self, panicked: PanickedActor) {
        if let Some(sender) = self.0.get() {
            // An error means that the server is ending.
            let _ = sender.send(panicked);
        }
    }
}

/// Returns whether a panic is the reason why an actor is dropped now.
pub(crate) fn is_panicking() -> bool {
    std::thread::panicking()
}

/// Panics if a test has named this place and name in the environment variable `FAULT_AT`, as
/// `place:name`. Release builds do not read the variable.
#[cfg(debug_assertions)]
#[expect(
    clippy::panic,
    reason = "tests use it to show that a panic ends one actor only"
)]
pub fn fail_point(place: &str, name: &str) {
    static FAULT_AT: OnceLock<Option<String>> = OnceLock::new();
    let fault_at = FAULT_AT.get_or_init(|| std::env::var("FAULT_AT").ok());
    let is_here = |at: &str| {
        let (fault_place, fault_name) = at.split_once(':').unwrap_or((at, ""));
        fault_place == place && fault_name == name
    };
    if fault_at
        .as_deref()
        .is_some_and(|all| all.split(',').any(is_here))
    {
        panic!("a test asked for it");
    }
}

/// Does nothing in release builds.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn fail_point(_: &str, _: &str) {}
