//! How clients listen: three outlets behind one contract (`channelstream_actors::outlet`). Only this module knows actix-web-actors.

pub mod client_frames;
pub mod event_stream;
pub mod handshake;
mod head_timer;
pub mod long_poll;
mod metronome;
mod position;
pub mod read;
pub mod socket;
pub mod upgrade;
pub mod websocket;
mod wire;

use std::sync::Arc;

use actix::dev::ToEnvelope;
use actix::prelude::*;
use actix_web::HttpRequest;
use channelstream_actors::name::ConnId;
use channelstream_actors::outlet::{Frames, Outlet, Pulse, Queue, Room, Shut};
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
