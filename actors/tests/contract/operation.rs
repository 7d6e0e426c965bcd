//! What a sequence does, as data. Numbers choose among what there is.

pub(crate) const USERS: usize = 3;
pub(crate) const CHANNELS: usize = 4;
pub(crate) const CONNECTIONS: usize = 5;

/// One sequence: how its brokers are set up, and what happens.
#[derive(Clone, Debug)]
pub(crate) struct Sequence {
    pub(crate) setup: Setup,
    pub(crate) operations: Vec<Operation>,
}

/// How the brokers and the store of a sequence are set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// Whether a call is answered when its change is on the disk.
    pub(crate) is_durable: bool,
    /// Whether a lost socket counts as absence at once, or never.
    pub(crate) parts_at_once: bool,
    /// Whether logs and histories drop entries early.
    pub(crate) is_short: bool,
}

/// Something that happens to both brokers.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Connect {
        user: usize,
        connection: usize,
        channels: Vec<usize>,
        /// Values that are set only if the user is new.
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
    /// A call with an idempotency key. What the key's first call published is published again.
    Once {
        key: usize,
        drafts: Vec<Draft>,
        has_other_body: bool,
    },
    /// A call with an idempotency key that is cut off by a crash when some of it is done and kept.
    /// Then it is repeated.
    CutOff {
        key: usize,
        drafts: Vec<Draft>,
        done: usize,
    },
    /// Edits the message with this number, counted back from the latest.
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
    /// A transport begins. If another listens, it takes over.
    Attach {
        connection: usize,
        kind: Kind,
        /// Whether the client says how far it has read.
        brings_position: bool,
        /// Whether its queue is full after a few events, until the client reads.
        is_narrow: bool,
    },
    /// A client reads batches that have arrived. Once it is chosen, it is the number of events.
    Read {
        connection: usize,
        batches: usize,
        /// Whether the transport learns of it, as by a pong.
        is_confirmed: bool,
        /// Whether the transport reports at once what it knows.
        is_reported: bool,
    },
    Detach {
        connection: usize,
        ending: Ending,
    },
    /// What was noted until now is committed.
    Commit,
    /// The server stops in order and starts again. Those who listened come back, or some of them.
    Restart(Return),
    /// The process dies, and a server starts again.
    Crash(Return),
}

impl Operation {
    /// Returns whether everything that it changes is kept when it is answered, where a store keeps
    /// changes before the answer.
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

/// How transports work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It knows what its client has confirmed.
    Socket,
    /// It knows nothing of its client.
    Stream,
    /// It ends with its answer, which counts as read if the client polls again.
    Poll,
}

/// How a transport ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// What is known of the client is reported.
    Reported,
    /// The attachment is dropped.
    Dropped,
    /// A poll was answered and its socket reset; other transports are dropped.
    Reset,
}

/// Which of those who listened before a stop come back after it, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Return {
    /// One of four connections stays away, or none.
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

/// A message to be published.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) sender: usize,
    pub(crate) to: Recipients,
    pub(crate) no_history: bool,
    /// Whether the caller gives the id.
    pub(crate) has_id: bool,
}

/// Who gets a message.
#[derive(Clone, Debug)]
pub(crate) enum Recipients {
    Channel {
        channel: usize,
        only: Vec<usize>,
        except: Vec<usize>,
    },
    Users(Vec<usize>),
}
