//! `GET /admin/live`: what an open panel listens to, as server-sent events. `numbers` are the
//! samples since the last, `view` is what the panel looks at, sent when it changed.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use actix::Addr;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, get};
use channelstream_actors::broker::Broker;
use futures_util::StreamExt;
use futures_util::future::{Either, ready, select};
use futures_util::stream::{once, unfold};
use tokio::time::sleep;

use crate::admin::monitor::{Monitor, Since};
use crate::admin::session::Admin;
use crate::admin::view::{Listing, View, Watching};
use crate::error::ApiError;
use crate::event_source;
use crate::lifecycle::Lifecycle;
use crate::openapi::answers::{AdminErrors, CommonErrors, HttpsOnly, InvalidQuery};

const INTERVAL: Duration = Duration::from_secs(1);

/// To look costs something where there are many channels. After a look so many times its duration
/// pass before the next.
const REST: u32 = 20;

/// What a panel is told.
struct Panel {
    broker: Data<Broker>,
    monitor: Data<Addr<Monitor>>,
    lifecycle: Data<Lifecycle>,
    view: View,
    /// When the last sample was that it knows.
    known: u64,
    /// What it was shown.
    shown: String,
    /// When to look again.
    look_at: Instant,
}

/// Shows what the panel shows, as server-sent events.
///
/// An event `numbers` comes once a second with a list of samples. An event `view` comes when the
/// view of the query has changed.
#[utoipa::path(
    tag = "operating",
    operation_id = "live",
    params(Watching, Listing),
    responses(
        (status = 200, description = "The stream is open. It carries numbers and views.", body = String,
            content_type = "text/event-stream"),
        CommonErrors, HttpsOnly, InvalidQuery, AdminErrors,
    ),
    security(("session" = []), ("signature" = [])),
)]
#[get("/admin/live")]
pub(crate) async fn live(
    _: Admin,
    request: HttpRequest,
    broker: Data<Broker>,
    monitor: Data<Addr<Monitor>>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, ApiError> {
    let known = event_source::last_event_id(&request)
        .and_then(|id| id.parse().ok())
        .unwrap_or_default();
    let view = View::of(&request)?;
    let panel = Panel {
        broker,
        monitor,
        lifecycle,
        view,
        known,
        shown: String::new(),
        look_at: Instant::now(),
    };
    let events = unfold(panel, |mut panel| async move {
        let events = panel.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(events)), panel))
    });
    Ok(event_source::answer().streaming(once(ready(Ok(event_source::BEGINNING))).chain(events)))
}

impl Panel {
    /// Waits for something to tell. `None` when the server is about to stop.
    async fn next(&mut self) -> Option<String> {
        loop {
            let mut events = self.numbers().await?;
            if self.look_at <= Instant::now() {
                events += &self.look().await;
            }
            if !events.is_empty() {
                return Some(events);
            }
            let (pause, end) = (
                Box::pin(sleep(INTERVAL)),
                Box::pin(self.lifecycle.clients_closed()),
            );
            if let Either::Right(_) = select(pause, end).await {
                return None;
            }
        }
    }

    async fn numbers(&mut self) -> Option<String> {
        let samples = self.monitor.send(Since(self.known)).await.ok()?;
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

    async fn look(&mut self) -> String {
        let start = Instant::now();
        let seen = self.view.look(&self.broker).await;
        // A little less than the interval: the next round shall find it due.
        self.look_at = Instant::now() + (start.elapsed() * REST).max(INTERVAL * 9 / 10);
        if seen == self.shown {
            return String::new();
        }
        self.shown = seen;
        format!("event: view\ndata: {}\n\n", self.shown)
    }
}
