//! Writes calls as the arguments of scripts.

use std::collections::BTreeMap;

use bytes::Bytes;
use redis::Cmd;

use crate::core::cluster::call::{Call, FeedId, NodeId, Read, Record, Term};
use crate::name::{ChannelName, ConnId};
use crate::position::Position;
use crate::protocol::config::ChannelConfig;
use crate::store::redis::scripts::{Script, Scripts};

/// The sender of calls.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The node.
    pub node: NodeId,
    /// The term that the node knows.
    pub term: Term,
    /// The beginning of all keys. It has the hash tag, so all keys are in one slot.
    pub keys: String,
}

impl Sender {
    /// Returns the command for a call with this number.
    pub fn command(&self, scripts: &Scripts, number: u64, call: &Call<Bytes>) -> Cmd {
        let (script, arguments) = arguments(call);
        let mut command = scripts.run(script, &self.keys);
        command.arg(self.node.0).arg(number).arg(self.term.0);
        for argument in &arguments {
            command.arg(&argument[..]);
        }
        command
    }
}

/// Returns the script of a call, and its arguments.
fn arguments(call: &Call<Bytes>) -> (Script, Vec<Bytes>) {
    match call {
        Call::Connect {
            conn_id,
            user,
            channels,
        } => {
            let mut arguments = vec![id(*conn_id), text(user)];
            arguments.extend(channels.iter().map(text));
            (Script::Connect, arguments)
        }
        Call::Subscribe { conn_id, channel } => {
            (Script::Subscribe, vec![id(*conn_id), text(channel)])
        }
        Call::Unsubscribe { conn_id, channel } => {
            (Script::Unsubscribe, vec![id(*conn_id), text(channel)])
        }
        Call::Take { conn_id } => (Script::Take, vec![id(*conn_id)]),
        Call::Report {
            conn_id,
            turn,
            read,
        } => {
            let mut arguments = vec![id(*conn_id), number(turn.0)];
            arguments.extend(positions(read));
            (Script::Report, arguments)
        }
        Call::Leave { conn_id, turn } => (Script::Leave, vec![id(*conn_id), number(turn.0)]),
        Call::End { conn_id, turn } => {
            let turn = turn.map_or_else(Bytes::new, |turn| number(turn.0));
            (Script::End, vec![id(*conn_id), turn])
        }
        Call::Renew {
            conn_id,
            record,
            left,
            heard,
        } => (Script::Renew, renewal(*conn_id, record, left, *heard)),
        Call::List { node } => (Script::List, vec![number(node.0)]),
        Call::Configure {
            channel,
            config,
            is_for_new,
        } => {
            let mut arguments = vec![text(channel), flag(*is_for_new)];
            arguments.extend(settings(config));
            (Script::Configure, arguments)
        }
        Call::Post {
            channel,
            message,
            is_for_history,
        } => {
            let arguments = vec![text(channel), message.clone(), flag(*is_for_history)];
            (Script::Post, arguments)
        }
        Call::Load { channel } => (Script::Load, vec![text(channel)]),
        Call::Lost => (Script::Lost, Vec::new()),
        Call::Beat => (Script::Beat, Vec::new()),
        Call::Declare { node } => (Script::Declare, vec![number(node.0)]),
    }
}

fn renewal(
    conn_id: ConnId,
    record: &Record,
    left: &BTreeMap<ChannelName, FeedId>,
    heard: FeedId,
) -> Vec<Bytes> {
    let mut arguments = vec![
        id(conn_id),
        text(&record.user),
        number(record.node.0),
        number(record.turn.0),
        number(record.born.0),
        flag(record.is_here),
        flag(record.open.contains_key(&record.turn)),
        entry(heard),
        number(left.len() as u64),
    ];
    let left = left.iter();
    arguments.extend(left.flat_map(|(channel, id)| [text(channel), entry(*id)]));
    arguments.extend(positions(&record.read));
    arguments
}

fn positions(read: &Read) -> impl Iterator<Item = Bytes> {
    read.iter()
        .flat_map(|(channel, position)| [text(channel), place(*position)])
}

fn place((epoch, offset): Position) -> Bytes {
    format!("{} {offset}", u64::from(epoch)).into()
}

/// Writes the id of an entry of the feed. Redis counts from 0 in each term.
fn entry((Term(term), number): FeedId) -> Bytes {
    format!("{term}-{}", number.saturating_sub(1)).into()
}

/// Writes the settings of a channel in the order of the fields in `configure.lua`.
fn settings(config: &ChannelConfig) -> [Bytes; 6] {
    [
        flag(config.notify_presence),
        flag(config.store_history),
        number(config.history_size),
        flag(config.broadcast_presence_with_user_lists),
        flag(config.notify_state),
        flag(config.store_frames),
    ]
}

fn flag(is_set: bool) -> Bytes {
    Bytes::from_static(if is_set { b"1" } else { b"0" })
}

fn id(conn_id: ConnId) -> Bytes {
    conn_id.to_string().into()
}

fn number(number: u64) -> Bytes {
    number.to_string().into()
}

fn text(name: &impl AsRef<str>) -> Bytes {
    Bytes::copy_from_slice(name.as_ref().as_bytes())
}
