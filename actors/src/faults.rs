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
pub(crate) struct Fallen {
    pub(crate) kind: ActorKind,
    /// The connections that relied on the actor and end with it.
    pub(crate) connections: Vec<ConnId>,
}

/// The place where actors that a panic ends are reported. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Arc<OnceLock<UnboundedSender<Fallen>>>);

impl Faults {
    /// Returns a receiver of the reports from now on. Only the first caller gets one.
    pub(crate) fn collect(&self) -> Option<UnboundedReceiver<Fallen>> {
        let (sender, fallen) = unbounded_channel();
        self.0.set(sender).ok().map(|()| fallen)
    }

    /// Reports an actor that a panic ends.
    pub(crate) fn report(&self, fallen: Fallen) {
        if let Some(sender) = self.0.get() {
            // An error means that the server is ending.
            let _ = sender.send(fallen);
        }
    }
}

/// Returns whether a panic is the reason why an actor is dropped now.
pub(crate) fn is_falling() -> bool {
    std::thread::panicking()
}

/// Panics if a test has named this place and name in the environment variable `FAULT_AT`, as
/// `place:name`. Release builds do not read the variable.
#[cfg(debug_assertions)]
#[expect(
    clippy::panic,
    reason = "tests use it to show that a panic ends one actor only"
)]
pub fn strike(place: &str, name: &str) {
    static STRUCK: OnceLock<Option<String>> = OnceLock::new();
    let struck = STRUCK.get_or_init(|| std::env::var("FAULT_AT").ok());
    let is_here = |at: &str| {
        let (struck_place, struck_name) = at.split_once(':').unwrap_or((at, ""));
        struck_place == place && struck_name == name
    };
    if struck
        .as_deref()
        .is_some_and(|all| all.split(',').any(is_here))
    {
        panic!("a test asked for it");
    }
}

/// Does nothing in release builds.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn strike(_: &str, _: &str) {}
