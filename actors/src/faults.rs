//! What becomes of an actor whose handler panics.
//!
//! A panic ends the task of the actor it came from, and no other. The actor is dropped while its
//! stack unwinds, and tells then who must hear of it: its directory, which frees its name, and the
//! broker, which ends the connections that relied on it. Their clients connect again and are told
//! of a gap. A message that is handled without a panic costs nothing for this.

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
    /// Returns the name of the kind, as metrics and the log name it.
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
    /// The connections that relied on it, which end with it.
    pub(crate) connections: Vec<ConnId>,
}

/// Where actors that a panic ends are reported. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Arc<OnceLock<UnboundedSender<Fallen>>>);

impl Faults {
    /// Returns what is reported from now on. Only the first caller gets it.
    pub(crate) fn collect(&self) -> Option<UnboundedReceiver<Fallen>> {
        let (sender, fallen) = unbounded_channel();
        self.0.set(sender).ok().map(|()| fallen)
    }

    /// Reports an actor.
    pub(crate) fn report(&self, fallen: Fallen) {
        if let Some(sender) = self.0.get() {
            // An error means that the server ends.
            let _ = sender.send(fallen);
        }
    }
}

/// Returns whether an actor that is dropped now is ended by a panic.
pub(crate) fn is_falling() -> bool {
    std::thread::panicking()
}

/// Panics at a place that a test has named in the variable `FAULT_AT`, as `place:name`. Programs
/// that are built for release do not read it.
#[cfg(debug_assertions)]
#[expect(
    clippy::panic,
    reason = "tests show with it that a panic ends one actor only"
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

/// Does nothing in programs that are built for release.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn strike(_: &str, _: &str) {}
