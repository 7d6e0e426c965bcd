//! What all streams of server-sent events have in common (WHATWG HTML §9.2).

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::Bytes;

use crate::validation::query;

/// The first words: how long a browser waits before it comes back, less than [`presence_grace`](crate::settings::Settings::presence_grace).
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

/// The `id:` of the last event that the client has: from the header `Last-Event-ID`, which browsers send by themselves, or the query
/// parameter `last_event_id`.
pub fn last_event_id(request: &HttpRequest) -> Option<String> {
    let header = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    header.filter(|id| !id.is_empty()).or_else(|| query(request).remove("last_event_id"))
}
