//! Reads the body of a request to its end, within limits on its size and its time.

use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpMessage, HttpRequest};
use bytes::{Bytes, BytesMut};
use channelstream_actors::memory::HeldBytes;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, timeout_at};

use crate::error::ApiError;
use crate::exchange::Exchange;
use crate::services::Services;
use crate::settings::Settings;

/// The number of bytes beyond the limit of a signed call that are read and discarded. A sender that
/// can finish sending its body is able to read the answer.
const DISCARDED: usize = 64 << 20;

/// The time that a body may take before `body_rate` applies.
const RATE_GRACE: Duration = Duration::from_secs(5);

/// The size of the largest body, in bytes, that is not counted as memory. The number of sockets
/// keeps the total of such bodies small.
const UNCOUNTED: usize = 16 << 10;

/// The memory that a body takes while its call is handled, as a multiple of its size: the received
/// bytes, the parsed request, and the results that the call makes of it.
const READ_FACTOR: usize = 4;

/// The number of bytes that a message takes in addition to its text while its call is handled. It
/// is multiplied by [`READ_FACTOR`] too.
const OBJECT: usize = 512;

/// The largest number of objects of a body that is counted. A call with more messages has a limit
/// of its own (`messages_per_call`).
const MOST_OBJECTS: usize = 100_000;

/// The largest allowed size of a body, in bytes.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// The body of a signed call.
    Signed(usize),
    /// The body of a request that anyone may send. No bytes beyond the limit are read.
    Unsigned(usize),
    /// The packets of a Socket.IO client. No bytes beyond the limit are read.
    Packets(usize),
}

impl Limit {
    fn bytes(self) -> usize {
        match self {
            Self::Signed(bytes) | Self::Unsigned(bytes) | Self::Packets(bytes) => bytes,
        }
    }

    fn discarded(self) -> usize {
        match self {
            Self::Signed(_) => DISCARDED,
            Self::Unsigned(_) | Self::Packets(_) => 0,
        }
    }

    fn exceeded(self) -> ApiError {
        match self {
            Self::Signed(limit) => ApiError::TooLarge { limit },
            Self::Unsigned(limit) => ApiError::TooLargeUnsigned { limit },
            Self::Packets(limit) => ApiError::TooLargePackets { limit },
        }
    }
}

/// Returns whether a body of more than this many bytes may follow the head. A body in chunks may
/// have any length.
pub fn announces_more_than(headers: &HeaderMap, bytes: usize) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING) || length(headers) > bytes as u64
}

fn length(headers: &HeaderMap) -> u64 {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    length
        .and_then(|length| length.trim().parse().ok())
        .unwrap_or(0)
}

/// Reads a body.
///
/// # Errors
/// Fails when the body is larger than the limit, arrives too slowly, or not at all.
pub async fn read(
    request: &HttpRequest,
    mut payload: Payload,
    limit: Limit,
    settings: &Settings,
) -> Result<Bytes, ApiError> {
    let most = limit.bytes().saturating_add(limit.discarded());
    if length(request.headers()) > most as u64 {
        return Err(limit.exceeded());
    }
    let exchange = request.conn_data::<Arc<Exchange>>();
    let mut begun_at = None;
    let mut bytes = BytesMut::new();
    let mut size = 0_usize;
    let mut held = None;
    loop {
        // Most bodies arrive together with their head. Only the others need the clock and a timer.
        let chunk = match payload.next().now_or_never() {
            Some(chunk) => chunk,
            None => {
                let deadline =
                    *begun_at.get_or_insert_with(Instant::now) + time_limit(size, settings);
                let Ok(chunk) = timeout_at(deadline, payload.next()).await else {
                    if let Some(exchange) = exchange {
                        exchange.stop_reading();
                    }
                    return Err(too_slow(size, settings));
                };
                chunk
            }
        };
        let Some(chunk) = chunk else { break };
        let chunk = chunk
            .map_err(|error| ApiError::not_json(format!("the body did not arrive: {error}")))?;
        size = size.saturating_add(chunk.len());
        if size > UNCOUNTED && size <= limit.bytes() {
            hold(request, &mut held, size)?;
        }
        if size <= limit.bytes() {
            bytes.extend_from_slice(&chunk);
        } else if size > most {
            return Err(limit.exceeded());
        }
    }
    if let Some(exchange) = exchange {
        exchange.end_body();
    }
    if held.is_some() {
        // Each object of a call may become a message.
        let objects = bytes.iter().filter(|byte| **byte == b'{').count();
        let size = size.saturating_add(objects.min(MOST_OBJECTS) * OBJECT);
        hold(request, &mut held, size)?;
    }
    if let Some(held) = held {
        request.extensions_mut().insert(held);
    }
    if size > limit.bytes() {
        Err(limit.exceeded())
    } else {
        Ok(bytes.freeze())
    }
}

/// Counts a body, of which `size` bytes have arrived, as memory until its request is answered.
///
/// # Errors
/// Fails when there is no memory left for the body.
fn hold(request: &HttpRequest, held: &mut Option<HeldBytes>, size: usize) -> Result<(), ApiError> {
    let memory = Services::of(request)?.broker.memory();
    let held = held.get_or_insert_with(|| memory.hold_passing());
    Ok(held.try_set(size.saturating_mul(READ_FACTOR))?)
}

/// Returns the time that a body, of which `size` bytes have arrived, may take, counted from its
/// beginning. After that time the server gives it up.
fn time_limit(size: usize, settings: &Settings) -> Duration {
    if settings.body_rate == 0 {
        return settings.body_timeout;
    }
    let at_rate = Duration::from_secs_f64(size as f64 / settings.body_rate as f64);
    at_rate.max(RATE_GRACE).min(settings.body_timeout)
}

fn too_slow(size: usize, settings: &Settings) -> ApiError {
    ApiError::TooSlow(if time_limit(size, settings) < settings.body_timeout {
        format!(
            "came more slowly than {} bytes a second (body_rate)",
            settings.body_rate
        )
    } else {
        format!(
            "took longer than {} seconds (body_timeout)",
            settings.body_timeout.as_secs_f64()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_limit_of_a_body_grows_with_its_size() {
        let settings = Settings::default();
        let seconds = |size| time_limit(size, &settings).as_secs_f64();
        assert_eq!(
            (
                seconds(0),
                seconds(5 * 1024),
                seconds(10 * 1024),
                seconds(1 << 20)
            ),
            (5.0, 5.0, 10.0, 30.0)
        );
        let without_rate = Settings {
            body_rate: 0,
            ..settings
        };
        assert_eq!(time_limit(0, &without_rate).as_secs(), 30);
    }
}
