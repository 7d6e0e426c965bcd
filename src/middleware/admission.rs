//! Decides whether a request is admitted, before its handler runs. At this point the prefix of a
//! proxy is already removed from the path (`proxy.rs`).

use actix_http::h1;
use actix_web::HttpMessage;
use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use channelstream_actors::error::Refused;
use channelstream_actors::faults::fail_point;
use channelstream_actors::limits::LimitKind;

use crate::caller::{Caller, find_direct_client};
use crate::error::ApiError;
use crate::exchange::Exchange;
use crate::extractors::reading::{Limit, announces_more_than, read};
use crate::lifecycle::{Lifecycle, PendingCall};
use crate::purpose::{Purpose, is_probe};
use crate::services::Services;
use crate::settings::Settings;
use crate::transport::upgrade::Upgrading;

/// The largest body, in bytes, of a request that needs no signature.
const UNSIGNED_LIMIT: usize = 4096;

/// An admitted request. A call that changes something, and a request that opens a websocket or an
/// event stream, count as under way until this is dropped. A stop of the server waits for them.
pub(super) struct Admission {
    purpose: Purpose,
    lifecycle: Lifecycle,
    _pending: Option<PendingCall>,
}

impl Admission {
    /// Admits a request. If it needs no signature, reads its body.
    ///
    /// # Errors
    /// Fails when the request is not admitted. The error contains the reason.
    pub(super) async fn admit(
        request: &mut ServiceRequest,
        services: &Services,
    ) -> Result<Self, ApiError> {
        fail_point("request", request.path());
        let is_upgrade = request.extensions().contains::<Upgrading>();
        let purpose = Purpose::of(request.method(), request.path(), is_upgrade);
        if is_upgrade && purpose != Purpose::Socket {
            return Err(ApiError::Upgrade);
        }
        check_client(request, purpose, services)?;
        let lifecycle = services.lifecycle.clone();
        let pending = match purpose {
            Purpose::Change => Some(lifecycle.begin().ok_or(ApiError::Stopping)?),
            // While the server stops, the handler closes the websocket or the stream with a code. A
            // page can see the code, but it cannot see a status.
            Purpose::Stream | Purpose::Socket => lifecycle.begin(),
            // A poll may wait for a long time. While the server stops, the handler answers with the
            // events that wait for the client, or refuses the poll.
            Purpose::Poll => None,
            Purpose::Read | Purpose::Packets | Purpose::Other => None,
        };
        let limit = match purpose {
            // The handler reads the body after the check of the signature.
            Purpose::Change | Purpose::Read => None,
            Purpose::Packets => Some(Limit::Packets(services.settings.frame_limit)),
            Purpose::Stream | Purpose::Poll | Purpose::Socket | Purpose::Other => {
                Some(Limit::Unsigned(UNSIGNED_LIMIT))
            }
        };
        if let Some(limit) = limit {
            read_small_body(request, limit, &services.settings).await?;
        }
        Ok(Self {
            purpose,
            lifecycle,
            _pending: pending,
        })
    }

    /// Ends the admission of a request that was answered. Replaces an answer that would mislead the
    /// page of a poll while the server stops.
    pub(super) fn end(self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        if self.purpose == Purpose::Poll
            && response.status() == StatusCode::UNAUTHORIZED
            && self.lifecycle.is_draining()
        {
            // The connection was closed because the server stops. The page must poll the next
            // server, and need not connect again through its application.
            return response.error_response(ApiError::Stopping);
        }
        response
    }
}

/// Checks the number of the client's sockets and the rate of its calls. Probes of the server's
/// health are always answered.
///
/// # Errors
/// Fails when the client exceeds a limit. A websocket or an event stream that exceeds
/// `max_connections` passes. Its handler closes it with a code, which a page can see.
fn check_client(
    request: &ServiceRequest,
    purpose: Purpose,
    services: &Services,
) -> Result<(), ApiError> {
    if is_probe(request.path()) {
        return Ok(());
    }
    let is_signed = matches!(purpose, Purpose::Change | Purpose::Read);
    let client = Caller::of(request.request()).client;
    let (limits, settings) = (&services.client_limits, &services.live.current().settings);
    let peer = request.peer_addr().map(|peer| peer.ip());
    match client {
        Some(address) => limits.count_request(address, is_signed)?,
        None => limits.log_uncounted_client(peer, settings),
    }
    if is_signed {
        return Ok(());
    }
    match Exchange::exceeded_limit(request.request()) {
        Some(kind @ LimitKind::ConnectionsPerAddress) => return Err(ApiError::too_many(kind)),
        Some(kind) if purpose == Purpose::Poll => return Err(Refused::full(kind).into()),
        _ => {}
    }
    let listens = matches!(purpose, Purpose::Stream | Purpose::Poll | Purpose::Socket);
    if let Some(address) = client
        && listens
        // The socket of a client that connects directly was counted when it was accepted.
        && find_direct_client(peer, settings).is_none()
    {
        let counted = limits.begin_listening(address);
        if let Some(counted) = counted.map_err(ApiError::too_many)? {
            request.extensions_mut().insert(counted);
        }
    }
    Ok(())
}

/// Reads the whole body of a request that needs no signature, so that its handler never waits for
/// the body.
async fn read_small_body(
    request: &mut ServiceRequest,
    limit: Limit,
    settings: &Settings,
) -> Result<(), ApiError> {
    if announces_more_than(request.headers(), 0) {
        let payload = request.parts_mut().1.take();
        let bytes = read(request.request(), payload, limit, settings).await?;
        let (_, mut payload) = h1::Payload::create(true);
        payload.unread_data(bytes);
        request.set_payload(Payload::from(payload));
    }
    Ok(())
}
