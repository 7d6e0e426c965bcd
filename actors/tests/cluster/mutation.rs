//! Faults that are planted into the scripts or the nodes, to show that the search finds them.

/// A planted fault.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Mutation {
    /// Scripts execute a call again that they have executed.
    NoSeen,
    /// Scripts execute the calls of nodes that were declared dead.
    DeadMayCall,
    /// The next turn is counted in the record.
    TurnOfRecord,
    /// Scripts execute calls under earlier turns.
    AnyTurn,
    /// A record may be renewed although its connection has ended.
    ForgetEnds,
    /// Channels are told again of connections whose records are renewed.
    RenewTells,
    /// A connection whose record is renewed counts as present.
    RenewPresent,
    /// `/connect` of a connection that is served elsewhere makes this node answer for it.
    ConnectTakes,
    /// A list of a node's connections has only those that are present.
    ListOnlyPresent,
    /// Nodes go on writing to another process of Redis as if it were the same.
    NoFence,
    /// A log keeps its epoch after Redis may have lost entries.
    NoRenewal,
    /// A log remembers only one former epoch.
    OneFormer,
    /// The epochs of logs begin again when a channel is made again.
    LivesBeginAgain,
    /// Counters that went back with the data are used again.
    CountersGoBack,
    /// A node begins a term only if the data have the term that it knows.
    FenceIfEqual,
    /// The next term is the highest one that Redis and the node know, and one more.
    TermsCountUp,
    /// A node reports what it has sent instead of what was confirmed.
    ReportSent,
    /// Entries count as caught up only as far as the node's own copy of the log goes.
    MarkOwnCopy,
    /// Nobody waits for the clients of a node that has stopped in order.
    StopIsDeath,
    /// A node does not note what it reads while a call that takes a turn is on its way.
    ForgetMeanwhile,
    /// A node does not look for connections that name it and that it does not know.
    NoAudit,
    /// A node does not notice that Redis has lost what the answers to its calls named.
    AnswersUnseen,
    /// A node does not notice that Redis has lost what it has read in the feed.
    FeedUnseen,
    /// The answer of a long-poll counts as read although its client has reset the socket.
    PresumeAnswer,
    /// A record that is renewed has channels again that its node does not know to be left.
    RenewRejoins,
    /// A node uses a copy of a log that is ahead of the feed that it has read.
    AheadOfFeed,
    /// Nobody watches the beats of a node that only records name.
    UnwatchedNode,
}

impl Mutation {
    /// All faults.
    pub(crate) const ALL: [Self; 27] = [
        Self::NoSeen,
        Self::DeadMayCall,
        Self::TurnOfRecord,
        Self::AnyTurn,
        Self::ForgetEnds,
        Self::RenewTells,
        Self::RenewPresent,
        Self::ConnectTakes,
        Self::ListOnlyPresent,
        Self::NoFence,
        Self::NoRenewal,
        Self::OneFormer,
        Self::LivesBeginAgain,
        Self::CountersGoBack,
        Self::FenceIfEqual,
        Self::TermsCountUp,
        Self::ReportSent,
        Self::MarkOwnCopy,
        Self::StopIsDeath,
        Self::ForgetMeanwhile,
        Self::NoAudit,
        Self::AnswersUnseen,
        Self::FeedUnseen,
        Self::PresumeAnswer,
        Self::RenewRejoins,
        Self::AheadOfFeed,
        Self::UnwatchedNode,
    ];
}
