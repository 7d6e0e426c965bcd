//! How clients listen: three outlets behind one contract (`channelstream_actors::outlet`). Only
//! this module knows actix-web-actors.

mod client_frames;
pub mod event_stream;
mod frame_io;
pub mod handshake;
mod head_timer;
mod heartbeats;
pub mod long_poll;
mod position;
mod read_progress;
mod server_frames;
pub mod socket_handle;
pub mod upgrade;
pub mod watched_stream;
pub mod websocket;

use std::sync::Arc;

use actix::dev::ToEnvelope;
use actix::prelude::*;
use actix_web::HttpRequest;
use channelstream_actors::name::ConnId;
use channelstream_actors::outlet::{Frames, Outlet, Pulse, Queue, Room, Shut};
use channelstream_actors::transport::Transport;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter as Description, ParameterIn};

use crate::error::ApiError;
use crate::event_source::{LAST_EVENT_ID, LAST_EVENT_ID_HEADER};
use crate::transport::socket_handle::SocketHandle;
use crate::validation::parameters::CONN_ID;
use crate::validation::query;

/// What every page says that wants to listen.
struct Listening;

impl IntoParams for Listening {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Description> {
        vec![CONN_ID.required(), LAST_EVENT_ID.optional()]
    }
}

/// What a browser adds that comes back to server-sent events. A long-poll takes it as well.
struct BrowserPosition;

impl IntoParams for BrowserPosition {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Description> {
        vec![LAST_EVENT_ID_HEADER.header()]
    }
}

/// The `conn_id` of the query.
fn conn_id(request: &HttpRequest) -> Result<ConnId, ApiError> {
    CONN_ID
        .take(&mut query(request))?
        .ok_or_else(|| ApiError::BadQuery("Missing query parameter conn_id".to_owned()))
}

/// The ways to an outlet's actor.
fn outlet<A>(
    transport: Transport,
    address: &Addr<A>,
    queue: Queue,
    pulse: Pulse,
    socket: Arc<SocketHandle>,
) -> Outlet
where
    A: Handler<Frames> + Handler<Room> + Handler<Shut>,
    A::Context: ToEnvelope<A, Frames> + ToEnvelope<A, Room> + ToEnvelope<A, Shut>,
{
    let [frames, room, shut] = [(), (), ()].map(|()| address.clone());
    Outlet {
        transport,
        frames: frames.recipient(),
        room: room.recipient(),
        shut: shut.recipient(),
        queue,
        pulse,
        socket,
    }
}
