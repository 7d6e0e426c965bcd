//! The contents of a request to listen, which are the same for all transports.

use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest};
use channelstream_actors::error::CloseReason;
use channelstream_actors::limits::LimitKind;
use channelstream_actors::name::ConnId;
use channelstream_actors::position::Return;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use crate::address_table::CountedConnection;
use crate::error::ApiError;
use crate::event_source::{LAST_EVENT_ID, LAST_EVENT_ID_HEADER};
use crate::exchange::Exchange;
use crate::services::Services;
use crate::transport::position;
use crate::transport::socket_handle::SocketHandle;
use crate::validation::parameters::CONN_ID;
use crate::validation::query;

/// The reason with which a new websocket or event stream is closed at once while the server stops.
pub(super) const STOPPING: CloseReason = CloseReason::Restart { wait: 1 };

/// The query parameters of every request to listen.
pub(super) struct ListenParams;

impl IntoParams for ListenParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![CONN_ID.required(), LAST_EVENT_ID.optional()]
    }
}

/// The header with a position, which browsers add when they reconnect to server-sent events. A
/// long-poll reads it as well.
pub(super) struct PositionHeader;

impl IntoParams for PositionHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![LAST_EVENT_ID_HEADER.header()]
    }
}

/// A request to listen.
pub(super) struct ListenRequest {
    /// The connection whose events the client asks for.
    pub(super) conn_id: ConnId,
    /// What the client tells of its former transports.
    pub(super) returning: Return,
    /// The socket on which the request arrived.
    pub(super) socket: Arc<SocketHandle>,
    /// The guard that counts a client behind a proxy for its address. `None` for other clients.
    pub(super) address_guard: Option<CountedConnection>,
}

impl ListenRequest {
    /// Returns the limit of the server that the socket of a request exceeds, if any. Counts the
    /// refusal that follows from it.
    pub(super) fn exceeded_limit(request: &HttpRequest, services: &Services) -> Option<LimitKind> {
        let exceeded = Exchange::exceeded_limit(request);
        if let Some(kind) = exceeded {
            services.broker.counters().count_limit_refusal(kind);
        }
        exceeded
    }

    /// Reads the query, and the position from the header or the query.
    ///
    /// # Errors
    /// Fails when `conn_id` is missing or is not a UUID.
    pub(super) fn parse(request: &HttpRequest) -> Result<Self, ApiError> {
        let conn_id = parse_conn_id(request)?;
        Ok(Self {
            conn_id,
            returning: position::parse_request(request).into(),
            socket: socket_of(request)?,
            address_guard: request.extensions_mut().remove(),
        })
    }
}

/// Returns the socket on which a request arrived.
///
/// # Errors
/// Fails in an application that was built without the sockets' data.
pub(super) fn socket_of(request: &HttpRequest) -> Result<Arc<SocketHandle>, ApiError> {
    request
        .conn_data::<Arc<SocketHandle>>()
        .cloned()
        .ok_or(ApiError::Internal("a request without its socket"))
}

/// Returns the id of the connection that a request listens for.
///
/// # Errors
/// Fails when `conn_id` is missing or is not a UUID.
pub fn parse_conn_id(request: &HttpRequest) -> Result<ConnId, ApiError> {
    CONN_ID
        .take(&mut query(request))?
        .ok_or_else(|| ApiError::BadQuery("Missing query parameter conn_id".to_owned()))
}
