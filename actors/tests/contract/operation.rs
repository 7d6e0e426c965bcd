//! The operations of a sequence, as data. Numbers choose among what exists at that time.

pub(crate) const USERS: usize = 3;
pub(crate) const CHANNELS: usize = 4;
pub(crate) const CONNECTIONS: usize = 5;

/// One sequence: the setup of its brokers, and its operations.
#[derive(Clone, Debug)]
pub(crate) struct Sequence<O> {
    pub(crate) setup: Setup,
    pub(crate) operations: Vec<O>,
}

/// The setup of the brokers and of the store of a sequence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// Whether a call is answered only when its change is on the disk.
    pub(crate) is_durable: bool,
    /// Whether a lost socket counts as absence at once (true) or never (false).
    pub(crate) parts_at_once: bool,
    /// Whether logs and histories drop entries early.
    pub(crate) is_short: bool,
}

/// An operation on both brokers.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Connect {
        user: usize,
        connection: usize,
        channels: Vec<usize>,
        /// The values that are set only if the user is new.
        fresh: Vec<(usize, u8)>,
        values: Vec<(usize, u8)>,
        keys: Vec<usize>,
        config: Option<Config>,
    },
    Subscribe {
        connection: usize,
        channels: Vec<usize>,
        config: Option<Config>,
    },
    Unsubscribe {
        connection: usize,
        channels: Vec<usize>,
    },
    SetState {
        user: usize,
        values: Vec<(usize, u8)>,
        keys: Option<Vec<usize>>,
    },
    Publish(Vec<Draft>),
    /// A call with an idempotency key. A repeat publishes the drafts of the key's first call again.
    Once {
        key: usize,
        drafts: Vec<Draft>,
        has_other_body: bool,
    },
    /// A call with an idempotency key that a crash cuts off when a part of it is done and kept.
    /// Then the call is repeated.
    CutOff {
        key: usize,
        drafts: Vec<Draft>,
        done: usize,
    },
    /// Edits the message that was published `back` messages before the latest.
    Edit {
        back: usize,
        user: Option<usize>,
    },
    Delete {
        back: usize,
    },
    Configure {
        channel: usize,
        config: Config,
    },
    Disconnect {
        connection: usize,
    },
    Forget {
        channel: usize,
    },
    Info {
        channels: Vec<usize>,
        history: bool,
        users: bool,
        public: bool,
    },
    /// A transport attaches. If another one is attached, the new one takes over.
    Attach {
        connection: usize,
        kind: Kind,
        /// Whether the client reports how far it has read.
        brings_position: bool,
        /// Whether its queue is full after a few events, until the client reads.
        is_narrow: bool,
    },
    /// A client reads batches that have arrived. Once the step is chosen, `batches` is the number
    /// of events.
    Read {
        connection: usize,
        batches: usize,
        /// Whether the transport learns of it, as from a pong.
        is_confirmed: bool,
        /// Whether the transport reports its position at once.
        is_reported: bool,
    },
    Detach {
        connection: usize,
        ending: Ending,
    },
    /// The store commits everything that was noted so far.
    Commit,
    /// The server stops in order and starts again. All or some of the attached clients come back.
    Restart(Return),
    /// The process dies, and a server starts again.
    Crash(Return),
}

impl Operation {
    /// Returns whether everything that the operation changes is kept when it is answered, with a
    /// store that keeps changes before it answers.
    pub(crate) fn is_answered_when_kept(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::Subscribe { .. }
                | Self::Unsubscribe { .. }
                | Self::SetState { .. }
                | Self::Publish(_)
                | Self::Once { .. }
                | Self::Edit { .. }
                | Self::Delete { .. }
                | Self::Configure { .. }
        )
    }
}

/// The kinds of transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A transport that knows what its client has confirmed.
    Socket,
    /// A transport that knows nothing of its client.
    Stream,
    /// A transport that ends with its answer. The answer counts as read if the client polls again.
    Poll,
}

/// The ways in which a transport ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The transport reports what it knows of its client.
    Reported,
    /// The attachment is dropped.
    Dropped,
    /// A poll is answered, and its socket is reset. Other transports are dropped.
    Reset,
}

/// The attached clients that come back after a stop, and how they do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Return {
    /// Whether all connections come back. Otherwise the first one stays away.
    pub(crate) all: bool,
    pub(crate) brings_position: bool,
}

/// The settings of a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    pub(crate) notify_presence: bool,
    pub(crate) store_history: bool,
    pub(crate) history_size: u64,
    pub(crate) has_user_lists: bool,
    pub(crate) notify_state: bool,
    pub(crate) store_frames: bool,
}

/// A message to publish.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) sender: usize,
    pub(crate) to: Recipients,
    pub(crate) no_history: bool,
    /// Whether the caller supplies the id.
    pub(crate) has_id: bool,
}

/// The recipients of a message.
#[derive(Clone, Debug)]
pub(crate) enum Recipients {
    Channel {
        channel: usize,
        only: Vec<usize>,
        except: Vec<usize>,
    },
    Users(Vec<usize>),
}
