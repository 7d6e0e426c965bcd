//! Calls to `/connect`, one after the other, each at a random node.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::cluster::add_times;
use crate::cluster::running::RunningCluster;
use crate::http::Http;
use crate::report::Report;
use crate::target::{Kind, Target};

/// The number of channels of a connection.
const CHANNELS_OF_EACH: usize = 5;

/// The number of all channels.
const CHANNELS: usize = 100;

/// The number of connections at the same time. When there are more, the oldest one ends.
const CONNECTIONS: usize = 200;

/// Measures the time of a call.
pub(super) async fn measure(cluster: &RunningCluster, seconds: f64) -> Result<Report> {
    let target = cluster.target()?;
    let mut backends = Vec::new();
    for node in 0..target.nodes() {
        backends.push(target.node(node).backend().await?);
    }
    let (mut open, mut number) = (VecDeque::new(), 0);
    let mut times = Histogram::<u64>::new_with_max(60_000_000, 3)?;
    let mut end = None;
    while end.is_none_or(|end| Instant::now() < end) {
        let request = connect(&target, number);
        let begun = Instant::now();
        call(&mut backends, &request.bytes).await?;
        let time = begun.elapsed();
        open.push_back(request.conn_id);
        number += 1;
        // Until then the nodes get to know the channels.
        if open.len() > CONNECTIONS {
            times.saturating_record(u64::try_from(time.as_micros())?);
            end.get_or_insert_with(|| begun + Duration::from_secs_f64(seconds));
            if let Some(conn_id) = open.pop_front() {
                let body = json!({"conn_id": conn_id}).to_string();
                let request = target.signed("POST", "/disconnect", &body);
                call(&mut backends, &request).await?;
            }
        }
    }
    let mut report = Report::new("connect", Kind::Channelstream);
    report.add("measured", times.len() as f64, "calls");
    add_times(&mut report, &times);
    Ok(report)
}

struct Connect {
    conn_id: Uuid,
    bytes: Vec<u8>,
}

/// Returns the call for a user of its own, with channels that others have too.
fn connect(target: &Target, number: usize) -> Connect {
    let conn_id = Uuid::new_v4();
    let channels: Vec<String> = (0..CHANNELS_OF_EACH)
        .map(|nth| target.channel((number * CHANNELS_OF_EACH + nth) % CHANNELS))
        .collect();
    let body = json!({
        "username": target.user(number),
        "conn_id": conn_id,
        "channels": channels,
    });
    let bytes = target.signed("POST", "/connect", &body.to_string());
    Connect { conn_id, bytes }
}

/// Makes a call at a random node.
async fn call(backends: &mut [Http], request: &[u8]) -> Result<()> {
    let random = Uuid::new_v4().as_u64_pair().1;
    let node = usize::try_from(random % backends.len().max(1) as u64)?;
    if let Some(backend) = backends.get_mut(node) {
        let answer = backend.call(request).await?;
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(
            answer.status == 200,
            "a call was answered with {}: {text}",
            answer.status
        );
    }
    Ok(())
}
