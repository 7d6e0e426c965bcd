//! Redis goes back to what it was before. The broker in memory does not lose anything, so from here
//! on the promises are checked that hold when Redis loses something.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use channelstream_actors::broker::Broker;
use channelstream_actors::protocol::info::InfoOptions;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::operation::{CHANNELS, CONNECTIONS, Draft, Kind, Operation, Recipients};
use crate::shared::plan::{LATEST, NODES};
use crate::shared::world::World;
use crate::side::{channel_name, conn_id};
use crate::world::Checked;

/// The time within which everything must be as it was.
const WITHIN: Duration = Duration::from_secs(20);

/// The wait between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// What the client of a connection was sent of a channel since Redis has gone back.
#[derive(Default, Debug)]
struct After {
    gaps: usize,
    messages: Vec<u64>,
}

impl World {
    /// Lets Redis go back, and checks what clients are told and what the nodes bring back.
    pub(crate) async fn rewind(&mut self, node: usize) -> Checked {
        let channels = self.channels().await;
        self.server.write_at_once().await;
        let (folder, kept) = (self.server.folder.path(), "kept");
        copy(&folder.join("appendonlydir"), &folder.join(kept));
        self.make_what_is_lost(node, &channels).await?;
        let members = members(&self.memory.broker).await?;
        let listening = self.listening_in().await;
        let terms = self.nodes.each_ref().map(|node| node.status().terms);
        self.server.kill();
        let folder = self.server.folder.path();
        fs::remove_dir_all(folder.join("appendonlydir")).unwrap();
        fs::rename(folder.join(kept), folder.join("appendonlydir")).unwrap();
        self.server.start_again();
        self.counts.rewinds += 1;
        let other = (node + 1) % NODES;
        for channel in &channels {
            self.publish_at(other, publish(*channel)).await?;
        }
        let kept = self.channels_with_frames(&channels).await;
        self.await_gaps(&listening, &kept).await?;
        for (node, terms) in terms.into_iter().enumerate() {
            self.await_members(node, &members).await?;
            if self.nodes[node].status().terms == terms {
                return Err(format!("node {node} has begun no term"));
            }
        }
        self.await_latest(other).await?;
        self.counts.renewals += 1;
        Ok(())
    }

    /// Waits until a node finds the connection that Redis has lost. Its user may be present by
    /// another connection before.
    async fn await_latest(&self, node: usize) -> Checked {
        let (deadline, broker) = (Instant::now() + WITHIN, &self.nodes[node].broker);
        while broker.owner_of(conn_id(LATEST)).await.is_none() {
            if Instant::now() >= deadline {
                return Err("the latest connection was not brought back".to_owned());
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Returns the channels that exist.
    async fn channels(&self) -> Vec<usize> {
        let mut channels = Vec::new();
        for channel in 0..CHANNELS {
            let detail = self.memory.broker.inspect_channel(channel_name(channel));
            channels.extend(detail.await.unwrap().map(|_| channel));
        }
        channels
    }

    /// Opens a connection, lets it listen, and publishes a message in each channel.
    async fn make_what_is_lost(&mut self, node: usize, channels: &[usize]) -> Checked {
        let connect = Operation::Connect {
            user: 0,
            connection: LATEST,
            channels: channels.to_vec(),
            fresh: Vec::new(),
            values: Vec::new(),
            keys: Vec::new(),
            config: None,
        };
        self.both(node, connect).await?;
        let attach = Operation::Attach {
            connection: LATEST,
            kind: Kind::Socket,
            brings_position: false,
            is_narrow: false,
        };
        self.both(node, attach).await?;
        for channel in channels {
            self.both(node, publish(*channel)).await?;
            self.counts.lost_messages += 1;
        }
        Ok(())
    }

    /// Returns the names of the channels whose messages are kept for clients that were not
    /// listening. A node that reads a log anew sends its clients nothing else of it.
    async fn channels_with_frames(&self, channels: &[usize]) -> Vec<String> {
        let mut names = Vec::new();
        for channel in channels {
            let name = channel_name(*channel);
            let detail = self.memory.broker.inspect_channel(name.clone()).await;
            let detail = json!(detail.unwrap());
            if detail["settings"]["store_frames"] == true {
                names.push(name.to_string());
            }
        }
        names
    }

    /// Returns the connections that listen, with the names of their channels.
    async fn listening_in(&self) -> Vec<(usize, String)> {
        let places = self.memory.occupied_places().await.into_iter();
        let listens = |connection: usize| self.shared.clients[connection].listens().is_some();
        let in_channels = places.filter(|(_, log)| !log.starts_with('@'));
        in_channels.filter(|(it, _)| listens(*it)).collect()
    }

    /// Waits until each client was told of a gap in each of its channels, and was then sent what
    /// was published after it.
    async fn await_gaps(&mut self, listening: &[(usize, String)], kept: &[String]) -> Checked {
        let deadline = Instant::now() + WITHIN;
        let mut told: BTreeMap<(usize, String), After> = BTreeMap::new();
        loop {
            for connection in 0..CONNECTIONS {
                for delivered in self.shared.take_delivered(connection) {
                    let after = told.entry((connection, delivered.log)).or_default();
                    if delivered.is_gap {
                        after.gaps += 1;
                        self.counts.gaps += 1;
                    } else {
                        let events = delivered.raw.iter();
                        let messages = events.filter(|event| event["type"] == "message");
                        let number = |event: &Value| event["message"]["n"].as_u64();
                        after.messages.extend(messages.filter_map(number));
                    }
                }
            }
            let is_told = |place: &(usize, String)| {
                let after = told.get(place);
                let is_kept = kept.contains(&place.1);
                after.is_some_and(|it| it.gaps > 0 && (!is_kept || !it.messages.is_empty()))
            };
            if listening.iter().all(is_told) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let untold: Vec<_> = listening.iter().filter(|place| !is_told(place)).collect();
                let listening = self.listening_in().await;
                let status = self.nodes.each_ref().map(|node| node.status());
                return Err(format!(
                    "not told as promised: {untold:?} of {told:?}\n{listening:?}\n{status:?}\n{:?}",
                    self.homes
                ));
            }
            sleep(PAUSE).await;
        }
    }

    /// Waits until a node shows the users who are present.
    async fn await_members(&self, node: usize, expected: &Value) -> Checked {
        let deadline = Instant::now() + WITHIN;
        loop {
            let found = members(&self.nodes[node].broker).await;
            if found.as_ref() == Ok(expected) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(format!("node {node} shows {found:?}, not {expected}"));
            }
            sleep(PAUSE).await;
        }
    }
}

/// A message to everybody in a channel.
fn publish(channel: usize) -> Operation {
    Operation::Publish(vec![Draft {
        sender: 0,
        to: Recipients::Channel {
            channel,
            only: Vec::new(),
            except: Vec::new(),
        },
        no_history: false,
        has_id: false,
    }])
}

/// Returns the users who are present in each channel.
async fn members(broker: &Broker) -> Checked<Value> {
    let info = broker.info(None, &InfoOptions::default()).await;
    let info = json!(info.map_err(|refused| refused.to_string())?);
    let channels = info["channels"].as_object().unwrap().iter();
    let members = channels.map(|(name, channel)| (name.clone(), channel["users"].clone()));
    Ok(Value::Object(members.collect()))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}
