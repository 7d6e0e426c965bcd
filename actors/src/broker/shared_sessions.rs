//! The sessions of Socket.IO clients that poll, which all nodes share.
//!
//! Redis keeps what a session is, and the packets that wait for its client. So any node can answer
//! a poll of the client, take its packets, or go on with it by a websocket. The lists of events do
//! not wait there: each poll is a transport of its own, like a long-poll.

use std::time::Duration;

use actix::Recipient;
use bytes::Bytes;

use crate::broker::Broker;
use crate::cluster::Cluster;
use crate::cluster::polls::AddPoll;
use crate::core::cluster::answer::Answer;
use crate::core::cluster::call::{Call, PollTimes};
use crate::error::Refused;

pub use crate::cluster::polls::{PacketsWait, WaitingPoll};
pub use crate::core::cluster::answer::{Held, HeldState};
pub use crate::core::cluster::call::SessionChange;

/// The sessions that all nodes share. Cloning is cheap.
#[derive(Clone)]
pub struct SharedSessions {
    cluster: Cluster,
    times: PollTimes,
}

/// What became of a change of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The session was changed.
    Changed,
    /// The session is over, or its client had connected before. Nothing was done.
    Refused,
}

impl Broker {
    /// Returns the sessions that nodes share; `None` if this server is alone. A client is sent a
    /// ping after `interval`, and may take `timeout` to answer it.
    pub fn shared_sessions(&self, interval: Duration, timeout: Duration) -> Option<SharedSessions> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        Some(SharedSessions {
            cluster: self.cluster.clone()?,
            times: PollTimes {
                interval: millis(interval),
                timeout: millis(timeout),
            },
        })
    }
}

impl SharedSessions {
    /// Notes that a poll waits here, which is told when packets wait for its client.
    ///
    /// # Errors
    /// Fails when the server stops.
    pub async fn wait(
        &self,
        session: &str,
        poll: Recipient<PacketsWait>,
    ) -> Result<WaitingPoll, Refused> {
        let polls = self.cluster.polls()?;
        let session = session.to_owned();
        let added = polls.send(AddPoll { session, poll });
        added.await.map_err(|_| Refused::TRY_AGAIN)
    }

    /// Takes the packets that wait for the client of a session.
    ///
    /// # Errors
    /// Fails when Redis cannot be reached. Packets may then be lost.
    pub async fn hold(&self, session: &str) -> Result<Held<Bytes>, Refused> {
        let hold = Call::Hold {
            session: session.to_owned(),
            times: self.times,
        };
        match self.cluster.node.make(hold).await? {
            Answer::Held(held) => Ok(held),
            _ => Err(Refused::TRY_AGAIN),
        }
    }

    /// Reads a session, and notes whether its client has answered the last ping.
    ///
    /// # Errors
    /// Fails when Redis cannot be reached.
    pub async fn look(&self, session: &str, is_pong: bool) -> Result<Held<Bytes>, Refused> {
        let tell = Call::Tell {
            session: session.to_owned(),
            times: self.times,
            is_pong,
            packets: Vec::new(),
        };
        match self.cluster.node.read(tell).await? {
            Answer::Held(held) => Ok(held),
            _ => Err(Refused::TRY_AGAIN),
        }
    }

    /// Lets packets wait for the client of a session.
    ///
    /// # Errors
    /// Fails when Redis cannot be reached.
    pub async fn tell(&self, session: &str, packets: Vec<String>) -> Result<(), Refused> {
        let tell = Call::Tell {
            session: session.to_owned(),
            times: self.times,
            is_pong: false,
            packets: packets.into_iter().map(Bytes::from).collect(),
        };
        self.cluster.node.make(tell).await.map(drop)
    }

    /// Keeps what a session is, and lets packets wait for its client.
    ///
    /// # Errors
    /// Fails when Redis cannot be reached.
    pub async fn keep(
        &self,
        session: &str,
        change: SessionChange<Bytes>,
        packets: Vec<String>,
    ) -> Result<Kept, Refused> {
        let keep = Call::Keep {
            session: session.to_owned(),
            times: self.times,
            change,
            packets: packets.into_iter().map(Bytes::from).collect(),
        };
        let answer = self.cluster.node.make(keep).await?;
        Ok(match answer {
            Answer::Changed => Kept::Refused,
            _ => Kept::Changed,
        })
    }
}
