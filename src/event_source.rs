//! What all streams of server-sent events have in common (WHATWG HTML §9.2).

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::Bytes;

use crate::validation::parameters::{Parameter, text};
use crate::validation::query;

/// The first words: how long a browser waits before it comes back, less than
/// [`presence_grace`](crate::settings::Settings::presence_grace).
pub const BEGINNING: Bytes = Bytes::from_static(b"retry: 1000\n\n");

/// The answer that a stream is the body of.
pub fn answer() -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-store, no-transform"))
        // nginx would gather it.
        .insert_header(("x-accel-buffering", "no"));
    answer
}

/// The parameter by which a client says where it goes on.
pub const LAST_EVENT_ID: Parameter<String> = text(
    "last_event_id",
    "The `id` of the last server-sent event, or the position of the last long-poll, that the page has read.",
);

/// The header by which a browser says the same, by itself.
pub const LAST_EVENT_ID_HEADER: Parameter<String> = text(
    "Last-Event-ID",
    "The same as `last_event_id`, which counts where this is absent. Browsers send it by themselves.",
);

/// The `id:` of the last event that the client has: from the header `Last-Event-ID`, which browsers
/// send by themselves, or the query parameter `last_event_id`.
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
