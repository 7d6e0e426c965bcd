//! How clients listen: three outlets behind one contract (`channelstream_actors::outlet`). Only this module knows actix-web-actors.

pub mod client_frames;
pub mod event_stream;
pub mod handshake;
pub mod long_poll;
mod metronome;
mod position;
pub mod read;
pub mod socket;
pub mod upgrade;
pub mod websocket;
mod wire;

use std::sync::{Arc, OnceLock};

use actix::dev::ToEnvelope;
use actix::prelude::*;
use actix_web::HttpRequest;
use channelstream_actors::Attached;
use channelstream_actors::broker::Broker;
use channelstream_actors::counters::{Counted, Counters};
use channelstream_actors::name::ConnId;
use channelstream_actors::outlet::{DetachOutlet, Doubt, Frames, Outlet, Pulse, Queue, Report, Room, Shut};
use channelstream_actors::transport::Transport;

use crate::error::ApiError;
use crate::transport::socket::Handle;
use crate::validation::query;
use crate::validation::rules::parse_uuid;

/// The `conn_id` of the query.
fn conn_id(request: &HttpRequest) -> Result<ConnId, ApiError> {
    let text = query(request).remove("conn_id").ok_or_else(|| ApiError::BadQuery("Missing query parameter conn_id".to_owned()))?;
    parse_uuid(&text).map(ConnId::from).ok_or_else(|| ApiError::BadQuery("Wrong UUID format".to_owned()))
}

/// The ways to an outlet's actor.
fn outlet<A>(transport: Transport, address: &Addr<A>, queue: Queue, pulse: Pulse, socket: Arc<Handle>) -> Outlet
where
    A: Handler<Frames> + Handler<Room> + Handler<Shut>,
    A::Context: ToEnvelope<A, Frames> + ToEnvelope<A, Room> + ToEnvelope<A, Shut>,
{
    let [frames, room, shut] = [(), (), ()].map(|()| address.clone());
    Outlet { transport, frames: frames.recipient(), room: room.recipient(), shut: shut.recipient(), queue, pulse, socket }
}

/// The connection has taken an outlet, or there is no such connection.
#[derive(Message)]
#[rtype(result = "()")]
struct Begun(Option<Attached>);

/// Attaches an outlet and tells it so; answers whether there is such a connection. It runs as a task of its own: an outlet that ends
/// meanwhile must be detached all the same.
async fn attach(
    broker: Broker,
    conn_id: ConnId,
    outlet: Outlet,
    read: Report,
    begun: Recipient<Begun>,
    last_word: LastWord,
) -> bool {
    let attached = broker.attach(conn_id, outlet, read).await.ok();
    let is_known = attached.is_some();
    actix::spawn(async move {
        if begun.send(Begun(attached.clone())).await.is_err()
            && let Some(attached) = attached
        {
            detach(attached, last_word.get().cloned().unwrap_or_default());
        }
    });
    is_known
}

/// What an outlet says at its end.
#[derive(Clone, Debug)]
struct Word {
    /// How far its client has read.
    report: Report,
    /// See [`DetachOutlet`].
    returns: bool,
    /// See [`DetachOutlet`].
    doubt: Option<Doubt>,
}

impl Default for Word {
    /// Its client has read nothing and is lost.
    fn default() -> Self {
        Self { report: Arc::new([]), returns: false, doubt: None }
    }
}

/// Said once; also kept for whoever still attaches an outlet that has ended.
type LastWord = Arc<OnceLock<Word>>;

/// An outlet's side of its attachment: it ends with one word, whether the connection has taken the outlet by then or not.
#[derive(Debug)]
struct Attachment {
    attached: Option<Attached>,
    last_word: LastWord,
    /// As open, until this is dropped.
    _counted: Counted,
}

impl Attachment {
    /// Of an outlet that is not attached yet.
    fn new(counters: &Counters, transport: Transport) -> Self {
        Self { attached: None, last_word: LastWord::default(), _counted: counters.listen(transport) }
    }

    /// The connection has taken the outlet.
    fn begin(&mut self, attached: Attached) {
        match self.last_word.get() {
            Some(word) => detach(attached, word.clone()),
            None => self.attached = Some(attached),
        }
    }

    /// The outlet has ended. Only the first word counts.
    fn end(&mut self, word: Word) {
        if self.last_word.set(word.clone()).is_ok()
            && let Some(attached) = self.attached.take()
        {
            detach(attached, word);
        }
    }
}

fn detach(Attached { generation, connection }: Attached, Word { report, returns, doubt }: Word) {
    #[expect(clippy::disallowed_methods, reason = "one message at the end of an outlet's life, which must arrive")]
    connection.do_send(DetachOutlet { generation, report, returns, doubt });
}
