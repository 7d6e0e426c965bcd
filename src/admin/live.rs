//! `GET /admin/live`: the stream of server-sent events that an open panel receives. An event
//! `numbers` holds the samples since the last such event. An event `view` holds the content of the
//! panel's view, and is sent when it has changed.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, get};
use channelstream_actors::error::Refused;
use channelstream_actors::limits::LimitKind;
use futures_util::StreamExt;
use futures_util::future::{Either, ready, select};
use futures_util::stream::{once, unfold};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep;

use crate::admin::view::{ListParameters, View, ViewParameters};
use crate::error::ApiError;
use crate::event_source;
use crate::extractors::operator::Operator;
use crate::openapi::answers::{AdminErrors, CommonErrors, HttpsOnly, InvalidQuery};
use crate::operators::monitor::ListSince;
use crate::services::Services;

/// The time between two checks for something to send.
const INTERVAL: Duration = Duration::from_secs(1);

/// The pause between two reads of a view, as a multiple of the time that a read takes. With many
/// channels a read is expensive.
const PAUSE_FACTOR: u32 = 20;

/// The stream of events that an open panel receives.
struct PanelStream {
    services: Data<Services>,
    view: View,
    /// The time of the last sample that the panel received, in microseconds since 1970.
    known: u64,
    /// The view that was sent last, as JSON.
    shown: String,
    /// The time at which the view is read again.
    read_at: Instant,
    /// The permit for one of the panels that may be open at once (`open_panels`).
    _permit: OwnedSemaphorePermit,
}

/// Streams what the panel shows, as server-sent events.
///
/// An event `numbers` is sent once a second, with a list of samples. An event `view` is sent when
/// the view that the query names has changed.
#[utoipa::path(
    tag = "operating",
    operation_id = "live",
    params(ViewParameters, ListParameters),
    responses(
        (
            status = 200,
            description = "The stream is open. It carries numbers and views.",
            body = String,
            content_type = "text/event-stream"
        ),
        CommonErrors, HttpsOnly, InvalidQuery, AdminErrors,
    ),
    security(("session" = []), ("signature" = [])),
)]
#[get("/admin/live")]
pub(crate) async fn stream_live(
    _: Operator,
    services: Data<Services>,
    view: View,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    if !matches!(view, View::Numbers) {
        services.broker.store().serves()?;
    }
    let permit = services.panel_permits.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Refused::full(LimitKind::OpenPanels))?;
    let known = event_source::last_event_id(&request)
        .and_then(|id| id.parse().ok())
        .unwrap_or_default();
    let panel = PanelStream {
        services,
        view,
        known,
        shown: String::new(),
        read_at: Instant::now(),
        _permit: permit,
    };
    let events = unfold(panel, |mut panel| async move {
        let events = panel.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(events)), panel))
    });
    Ok(event_source::answer().streaming(once(ready(Ok(event_source::BEGINNING))).chain(events)))
}

impl PanelStream {
    /// Waits until there are events to send. Returns `None` when the server is about to stop, or
    /// the view cannot be read.
    async fn next(&mut self) -> Option<String> {
        loop {
            let mut events = self.read_numbers().await?;
            if self.read_at <= Instant::now() {
                events += &self.read_view().await?;
            }
            if !events.is_empty() {
                return Some(events);
            }
            let (pause, end) = (
                Box::pin(sleep(INTERVAL)),
                Box::pin(self.services.lifecycle.clients_closed()),
            );
            if let Either::Right(_) = select(pause, end).await {
                return None;
            }
        }
    }

    async fn read_numbers(&mut self) -> Option<String> {
        let samples = self
            .services
            .monitor
            .send(ListSince(self.known))
            .await
            .ok()?;
        let Some(last) = samples.last() else {
            return Some(String::new());
        };
        self.known = last.at;
        let samples = serde_json::to_string(&samples).ok()?;
        Some(format!(
            "id: {}\nevent: numbers\ndata: {samples}\n\n",
            self.known
        ))
    }

    /// Returns the view as an event if it has changed, and `None` when it cannot be read. Then the
    /// stream ends, and the panel that opens it again is told why it is refused.
    async fn read_view(&mut self) -> Option<String> {
        let start = Instant::now();
        let seen = self.view.read(&self.services.broker).await.ok()?;
        // The pause is a little shorter than the interval, so that the view is due at the next
        // check.
        self.read_at = Instant::now() + (start.elapsed() * PAUSE_FACTOR).max(INTERVAL * 9 / 10);
        if seen == self.shown {
            return Some(String::new());
        }
        self.shown = seen;
        Some(format!("event: view\ndata: {}\n\n", self.shown))
    }
}
