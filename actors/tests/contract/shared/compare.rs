//! The comparison of both sides after each event. It waits until both agree.

use std::time::{Duration, Instant};

use channelstream_actors::broker::Broker;
use channelstream_actors::error::Refused;
use channelstream_actors::protocol::info::InfoOptions;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::normal::{Ids, difference};
use crate::operation::{CHANNELS, CONNECTIONS, USERS};
use crate::shared::world::World;
use crate::side::{channel_name, user_name};
use crate::world::Checked;

/// The time within which both sides must agree. A node is gone for a while before the others find
/// out, and the machine may be busy.
const WITHIN: Duration = Duration::from_secs(12);

/// The wait before both sides are compared again.
const PAUSE: Duration = Duration::from_millis(2);

impl World {
    /// Waits until clients were sent the same on both sides, and a node shows the same as the
    /// broker in memory.
    pub(crate) async fn agree(&mut self, node: usize) -> Checked {
        let deadline = Instant::now() + WITHIN;
        self.memory.settle(self.setup).await;
        let memory = shown(&self.memory.broker, &self.memory.ids).await;
        let memory = memory.map_err(|refused| refused.to_string())?;
        loop {
            let is_sent = self.compare_sent()?;
            let nodes = shown(&self.nodes[node].broker, &self.shared.ids).await;
            if is_sent && nodes.as_ref() == Ok(&memory) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let missing = self.sent.iter().map(|sent| sent.missing()).enumerate();
                let missing: Vec<_> = missing.filter_map(|(it, all)| Some((it, all?))).collect();
                return Err(match nodes {
                    _ if !missing.is_empty() => format!("connections were not sent: {missing:#?}"),
                    Ok(nodes) => format!("node {node} shows: {}", difference(&memory, &nodes)),
                    Err(refused) => format!("node {node} shows nothing: {refused}"),
                });
            }
            sleep(PAUSE).await;
        }
    }

    fn compare_sent(&mut self) -> Checked<bool> {
        let mut is_sent = true;
        for connection in 0..CONNECTIONS {
            let sent = &mut self.sent[connection];
            sent.gather(connection, &mut self.memory, &mut self.shared);
            let compared = sent.compare(&mut self.pairs, &mut self.counts);
            is_sent &= compared.map_err(|error| format!("connection {connection}: {error}"))?;
        }
        Ok(is_sent)
    }
}

/// Returns what a broker shows, without random ids and times, and without what only the node knows
/// that answers for a connection.
pub(crate) async fn shown(broker: &Broker, ids: &Ids) -> Result<String, Refused> {
    let info = broker.info(None, &InfoOptions::default()).await?;
    let (mut channels, mut users) = (Vec::new(), Vec::new());
    for channel in 0..CHANNELS {
        let mut detail = json!(broker.inspect_channel(channel_name(channel)).await?);
        for entry in detail["log"].as_array_mut().into_iter().flatten() {
            // Redis keeps nothing of a deleted message, not even to whom it was sent.
            if entry["event"].is_null() {
                entry["route"] = Value::Null;
            }
        }
        channels.push(detail);
    }
    for user in 0..USERS {
        let mut detail = broker.inspect_user(user_name(user)).await?;
        if let Some(detail) = &mut detail {
            detail
                .connections
                .sort_by_key(|connection| connection.conn_id);
        }
        let mut detail = json!(detail);
        for connection in detail["connections"].as_array_mut().into_iter().flatten() {
            connection["transport"] = Value::Null;
        }
        users.push(detail);
    }
    let shown = json!({"info": info, "channels": channels, "users": users});
    Ok(ids.normal_value(shown).to_string())
}
