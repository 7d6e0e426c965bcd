//! What the requests of all three transports say.

use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest};
use channelstream_actors::error::CloseReason;
use channelstream_actors::limits::LimitKind;
use channelstream_actors::name::ConnId;
use channelstream_actors::position::Report;
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

/// The reason with which a websocket or an event stream is closed at once while the server stops.
pub(super) const STOPPING: CloseReason = CloseReason::Restart { wait: 1 };

/// The parameters of every page that listens.
pub(super) struct ListenParams;

impl IntoParams for ListenParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![CONN_ID.required(), LAST_EVENT_ID.optional()]
    }
}

/// The header that browsers add when they come back to server-sent events. A long-poll takes it as
/// well.
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
    /// Where the client has read up to. It is empty where the client does not say so.
    pub(super) position: Report,
    /// The socket that the request came on.
    pub(super) socket: Arc<SocketHandle>,
    /// Counts the client among those of its address that listen through a proxy.
    pub(super) of_address: Option<CountedConnection>,
}

impl ListenRequest {
    /// Returns the limit of the server that the socket of a request is beyond, if there is one, and
    /// counts the refusal that follows from it.
    pub(super) fn limit_beyond(request: &HttpRequest, services: &Services) -> Option<LimitKind> {
        let beyond = Exchange::limit_beyond(request);
        if let Some(kind) = beyond {
            services.broker.counters().count_limit_refusal(kind);
        }
        beyond
    }

    /// Reads the query, and the position from wherever it is.
    ///
    /// # Errors
    /// When `conn_id` is missing or is not a UUID.
    pub(super) fn parse(request: &HttpRequest) -> Result<Self, ApiError> {
        let conn_id = parse_conn_id(request)?;
        let socket = request
            .conn_data::<Arc<SocketHandle>>()
            .ok_or(ApiError::Internal("a request without its socket"))?;
        Ok(Self {
            conn_id,
            position: position::parse_request(request),
            socket: socket.clone(),
            of_address: request.extensions_mut().remove(),
        })
    }
}

/// Reads which connection a request listens for.
///
/// # Errors
/// When `conn_id` is missing or is not a UUID.
pub fn parse_conn_id(request: &HttpRequest) -> Result<ConnId, ApiError> {
    CONN_ID
        .take(&mut query(request))?
        .ok_or_else(|| ApiError::BadQuery("Missing query parameter conn_id".to_owned()))
}
