//! The things that can happen in a world.

/// A log to which messages are posted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    /// The log of the channel of all clients.
    Channel,
    /// The log of the channel to which clients may be subscribed.
    OtherChannel,
    /// The private log of the user of the first client.
    Private,
}

/// Something that happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    Connect {
        client: usize,
        node: usize,
    },
    Open {
        client: usize,
        node: usize,
    },
    Reset {
        client: usize,
    },
    /// A client comes back that was told so by a node that has stopped.
    Return {
        client: usize,
        node: usize,
    },
    Post {
        node: usize,
        to: Target,
    },
    Subscribe {
        client: usize,
        node: usize,
    },
    Unsubscribe {
        client: usize,
        node: usize,
    },
    Disconnect {
        client: usize,
        node: usize,
    },
    Crash {
        node: usize,
    },
    /// A node begins to stop in order: it ends its transports, reports, and says that it is gone.
    Stop {
        node: usize,
    },
    Pause {
        node: usize,
    },
    Start {
        node: usize,
    },
    Cut {
        node: usize,
    },
    GiveUp {
        node: usize,
    },
    Restart,
    Save,
    Rollback,
    /// Redis executes the next call of a node.
    Execute {
        node: usize,
    },
    /// Redis executes the next call on a connection that was cut.
    ExecuteLate {
        wire: usize,
    },
    /// A node reads the answer to its oldest call.
    Answer {
        node: usize,
    },
    /// A client receives what was sent to it.
    Receive {
        client: usize,
    },
    Reopen {
        node: usize,
    },
    Read {
        node: usize,
    },
    Waited {
        node: usize,
        session: usize,
    },
    TimeOut {
        node: usize,
        session: usize,
    },
    Resume {
        node: usize,
    },
    Declare {
        node: usize,
        dead: usize,
    },
    /// A node that was declared dead sends its next beat.
    Beat {
        node: usize,
    },
    Sweep {
        node: usize,
        of: usize,
    },
    /// Redis forgets a channel in which nobody is.
    Forget,
    /// Redis comes back without data.
    Empty,
}

impl Action {
    /// The number of kinds of actions.
    pub(crate) const KINDS: usize = 31;

    /// Returns the kind of the action.
    pub(crate) fn name(&self) -> String {
        let text = format!("{self:?}");
        let name = text.split(' ').next();
        name.unwrap_or_default().to_owned()
    }

    /// Returns whether this happens only after a time-out.
    pub(crate) fn takes_long(self) -> bool {
        matches!(
            self,
            Self::Return { .. }
                | Self::Resume { .. }
                | Self::Waited { .. }
                | Self::TimeOut { .. }
                | Self::Beat { .. }
                | Self::Declare { .. }
                | Self::Sweep { .. }
                | Self::Forget
        )
    }
}
