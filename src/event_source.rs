//! The parts that all streams of server-sent events have in common (WHATWG HTML §9.2).

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::Bytes;

use crate::validation::parameters::{Parameter, text};
use crate::validation::query;

/// The first bytes of a stream. They tell a browser to wait a second before it reconnects, which is
/// less than [`presence_grace`](crate::settings::Settings::presence_grace).
pub const BEGINNING: Bytes = Bytes::from_static(b"retry: 1000\n\n");

/// Returns the beginning of a response with a stream as its body.
pub fn answer() -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-store, no-transform"))
        // Without this header, nginx would hold events back to send several of them at once.
        .insert_header(("x-accel-buffering", "no"));
    answer
}

/// The query parameter that names the last event that the client has read.
pub const LAST_EVENT_ID: Parameter<String> = text(
    "last_event_id",
    "The `id` of the last server-sent event that the page has read, or the \
     `X-Channelstream-Position` of the last long-poll answer that it has read; empty before the \
     first of them.",
);

/// The header with the same meaning as [`LAST_EVENT_ID`]. Browsers send it by themselves.
pub const LAST_EVENT_ID_HEADER: Parameter<String> = text(
    "Last-Event-ID",
    "The same as the parameter `last_event_id`. The parameter is used if this header is absent. \
     Browsers send this header by themselves.",
);

/// Returns the `id:` of the last event that the client has read. It is taken from the header
/// `Last-Event-ID` or, if that is absent or empty, from the query parameter `last_event_id`.
pub fn last_event_id(request: &HttpRequest) -> Option<String> {
    let header = request
        .headers()
        .get(LAST_EVENT_ID_HEADER.name)
        .and_then(|id| id.to_str().ok())
        .map(str::to_owned);
    header
        .filter(|id| !id.is_empty())
        .or_else(|| query(request).remove(LAST_EVENT_ID.name))
}
