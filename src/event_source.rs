//! What all streams of server-sent events have in common (WHATWG HTML §9.2).

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::Bytes;

use crate::validation::parameters::{Parameter, text};
use crate::validation::query;

/// The first bytes of a stream. They tell a browser to wait a second before it comes back, which is
/// less than [`presence_grace`](crate::settings::Settings::presence_grace).
pub const BEGINNING: Bytes = Bytes::from_static(b"retry: 1000\n\n");

/// Returns the beginning of a response with a stream as its body.
pub fn answer() -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-store, no-transform"))
        // nginx would hold events back to send more at once.
        .insert_header(("x-accel-buffering", "no"));
    answer
}

/// The query parameter that says what the client has read up to.
pub const LAST_EVENT_ID: Parameter<String> = text(
    "last_event_id",
    "The `id` of the last server-sent event, or the position of the last long-poll, that the page has read.",
);

/// The header that says the same. Browsers send it by themselves.
pub const LAST_EVENT_ID_HEADER: Parameter<String> = text(
    "Last-Event-ID",
    "The same as `last_event_id`, which counts where this is absent. Browsers send it by themselves.",
);

/// Returns the `id:` of the last event that the client has read: that of the header
/// `Last-Event-ID`, or else that of the query parameter `last_event_id`.
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
