//! A session that nodes share, as a request names it by its id.

use std::time::Duration;

use actix::Recipient;
use actix_web::web::Data;
use bytes::Bytes;
use channelstream_actors::broker::shared_sessions::{
    Held, HeldState, Kept, PacketsWait, SessionChange, SharedSessions, WaitingPoll,
};
use channelstream_actors::error::{CloseReason, Refused};
use channelstream_actors::list::{Namespace, SocketIoForm};
use channelstream_actors::position::{Continuity, GoingOn};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::services::Services;
use crate::transport::socket_io::identification::{Facts, Identification};
use crate::transport::socket_io::server_packets::PING;
use crate::transport::socket_io::{CONNECT_TIME, ping_timeout};

/// The number of random bytes of an id.
const RANDOM_BYTES: usize = 12;

/// A session that nodes share.
#[derive(Clone)]
pub(in crate::transport::socket_io) struct SharedSession {
    sid: String,
    /// The name of the session in Redis: the random bytes of its id, in hexadecimal digits.
    name: String,
    /// What the client has said of itself in the query of its first request.
    identification: Identification,
    /// Whether the client may still connect to a namespace.
    is_fresh: bool,
    sessions: SharedSessions,
    services: Data<Services>,
}

/// What Redis keeps of a session whose client has connected to a namespace.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Content {
    conn_id: Uuid,
    is_stream: bool,
    has_offsets: bool,
    continuity: Option<u64>,
    pub(super) phase: Phase,
}

/// The phases of a session whose client has connected to a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    Open,
    /// The client has left its namespace. It is sent only pings.
    Left,
    /// The client was told that the session ends. If it was told to stay away, it ends the session
    /// itself.
    Closing {
        stays_away: bool,
    },
}

/// The state of a session.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// The client has not connected to a namespace.
    Fresh,
    /// The client has connected.
    Connected(Content),
    /// The same, but the session cannot listen for the connection any more, for this reason.
    Lost(Content, CloseReason),
    /// There is no such session any more.
    Over,
}

/// A session, as it was found in Redis.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) state: State,
    /// The packets that waited for the client.
    pub(super) packets: Vec<String>,
    /// The time after which a poll looks again.
    pub(super) wait: Duration,
}

impl Content {
    pub(super) fn new(facts: Facts) -> Self {
        Self {
            conn_id: facts.conn_id.into(),
            is_stream: facts.form.namespace == Namespace::Stream,
            has_offsets: facts.form.has_offsets,
            continuity: facts.continuity.map(u64::from),
            phase: Phase::Open,
        }
    }

    /// Returns the facts about the client.
    pub(super) fn facts(&self) -> Facts {
        Facts {
            conn_id: self.conn_id.into(),
            form: SocketIoForm {
                namespace: if self.is_stream {
                    Namespace::Stream
                } else {
                    Namespace::Root
                },
                has_offsets: self.has_offsets,
            },
            continuity: self.continuity.map(Continuity::from),
        }
    }

    /// Returns this in another phase.
    pub(super) fn in_phase(self, phase: Phase) -> Self {
        Self { phase, ..self }
    }

    fn encode(&self) -> Bytes {
        // Cannot fail: no value has a key that is not a text.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

impl SharedSession {
    /// Begins a session. Returns `None` if this server is alone.
    pub(in crate::transport::socket_io) fn begin(
        identification: &Identification,
        services: &Data<Services>,
    ) -> Option<String> {
        sessions(services)?;
        let random = Uuid::new_v4().into_bytes().into_iter();
        let mut content: Vec<u8> = random.take(RANDOM_BYTES).collect();
        content.push(u8::from(identification.wants_offsets));
        if let Some(conn_id) = identification.conn_id {
            content.extend(Uuid::from(conn_id).into_bytes());
        }
        Some(services.live.current().session_ids.make(&content))
    }

    /// Finds the session with this id. Returns `None` if no node has made the id.
    pub(in crate::transport::socket_io) fn find(
        sid: &str,
        services: &Data<Services>,
    ) -> Option<Self> {
        let sessions = sessions(services)?;
        let id = services.live.current().session_ids.read(sid)?;
        let (random, rest) = id.content.split_at_checked(RANDOM_BYTES)?;
        let (offsets, conn_id) = rest.split_first()?;
        let mut identification = Identification::default();
        identification.conn_id = Uuid::from_slice(conn_id).ok().map(Into::into);
        identification.wants_offsets = *offsets == 1;
        Some(Self {
            sid: sid.to_owned(),
            name: random.iter().map(|byte| format!("{byte:02x}")).collect(),
            identification,
            is_fresh: id.age <= services.settings.gc_conns_after * CONNECT_TIME,
            sessions,
            services: services.clone(),
        })
    }

    pub(in crate::transport::socket_io) fn sid(&self) -> &str {
        &self.sid
    }

    pub(in crate::transport::socket_io) fn identification(&self) -> &Identification {
        &self.identification
    }

    pub(super) fn services(&self) -> &Data<Services> {
        &self.services
    }

    /// Returns how a transport goes on with the session.
    pub(in crate::transport::socket_io) fn going_on(&self, has_read: bool) -> GoingOn {
        GoingOn {
            name: self.name.clone(),
            has_read,
        }
    }

    /// Notes that a poll waits here.
    pub(super) async fn wait(&self, poll: Recipient<PacketsWait>) -> Result<WaitingPoll, Refused> {
        self.sessions.wait(&self.name, poll).await
    }

    /// Takes the packets that wait for the client.
    pub(super) async fn hold(&self) -> Result<Found, Refused> {
        let held = self.sessions.hold(&self.name).await?;
        Ok(self.read(held))
    }

    /// Reads the session, and notes whether the client has answered the last ping.
    pub(super) async fn look(&self, is_pong: bool) -> Result<Found, Refused> {
        let held = self.sessions.look(&self.name, is_pong).await?;
        Ok(self.read(held))
    }

    /// Returns whether the session exists.
    pub(in crate::transport::socket_io) async fn exists(&self) -> bool {
        let found = self.look(false).await;
        found.is_ok_and(|found| !matches!(found.state, State::Over))
    }

    /// Lets packets wait for the client.
    pub(in crate::transport::socket_io) async fn tell(
        &self,
        packets: Vec<String>,
    ) -> Result<(), Refused> {
        self.sessions.tell(&self.name, packets).await
    }

    /// Notes that the client has connected, which it can do once, and lets packets wait for it.
    pub(super) async fn connect(
        &self,
        content: &Content,
        packets: Vec<String>,
    ) -> Result<Kept, Refused> {
        let change = SessionChange::Connected {
            conn_id: content.conn_id.into(),
            content: content.encode(),
        };
        self.sessions.keep(&self.name, change, packets).await
    }

    /// Notes what the session is now.
    pub(super) async fn change(&self, content: &Content) -> Result<Kept, Refused> {
        let change = SessionChange::Changed {
            content: content.encode(),
        };
        self.sessions.keep(&self.name, change, Vec::new()).await
    }

    /// Ends the session. A poll that waits is answered, and so is one that is on its way if there
    /// is a last packet.
    pub(in crate::transport::socket_io) async fn end(
        &self,
        last: Option<&str>,
    ) -> Result<Kept, Refused> {
        let packets = last.map(str::to_owned).into_iter().collect();
        let over = SessionChange::Over;
        self.sessions.keep(&self.name, over, packets).await
    }

    fn read(&self, held: Held<Bytes>) -> Found {
        let content = held.content.and_then(|it| serde_json::from_slice(&it).ok());
        let state = match content {
            _ if held.state == HeldState::Over => State::Over,
            Some(content) => match held.state {
                HeldState::Replaced => State::Lost(content, CloseReason::Replaced),
                HeldState::Disconnected => State::Lost(content, CloseReason::Disconnected),
                HeldState::Open | HeldState::PingDue | HeldState::Over => State::Connected(content),
            },
            None if self.is_fresh => State::Fresh,
            None => State::Over,
        };
        let packets = held.packets.iter();
        let mut packets: Vec<_> = packets
            .map(|packet| String::from_utf8_lossy(packet).into_owned())
            .collect();
        if held.state == HeldState::PingDue {
            packets.push(PING.to_owned());
        }
        Found {
            state,
            packets,
            wait: Duration::from_millis(held.wait),
        }
    }
}

fn sessions(services: &Data<Services>) -> Option<SharedSessions> {
    let settings = &services.settings;
    let (interval, timeout) = (settings.heartbeat_interval, ping_timeout(settings));
    services.broker.shared_sessions(interval, timeout)
}
