//! Counts of the events that the sequences are meant to produce. Each must have happened.

use crate::counts::counts;

counts! {
    Counts:
    steps,
    /// Transports that replaced one at the other node.
    takeovers,
    transports,
    unknown,
    ids_in_use,
    other_bodies,
    lost_answers,
    /// Connections to Redis that were cut while they read the feed.
    cut_feeds,
    /// Times that all connections to Redis were cut.
    cut_lines,
    deaths,
    stops,
    /// Connections that have parted since their node was gone and they did not come back.
    swept,
    /// Times that a node found that another one was gone.
    found_dead,
    /// Times that a node noticed another process of Redis.
    fences,
    rewinds,
    /// Messages that were accepted and that Redis then lost.
    lost_messages,
    /// Connections that Redis lost and that their nodes brought back.
    renewals,
    gaps,
    events,
    /// Events that are marked as caught up.
    catch_ups,
    /// Marked events that a client was sent again and that the broker in memory did not repeat.
    repeats,
}
