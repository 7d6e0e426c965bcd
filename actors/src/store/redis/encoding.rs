//! Writes calls as the arguments of scripts.

mod limits;

use std::collections::BTreeMap;

use bytes::Bytes;
use redis::Cmd;

pub use self::limits::Limits;
use crate::core::cluster::call::{
    Call, FeedId, NodeId, PollTimes, Read, Record, SessionChange, SessionName, Term,
};
use crate::name::{ConnId, LogName, UserName};
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
            logs,
        } => {
            let mut arguments = vec![id(*conn_id), user_name(user)];
            arguments.extend(logs.iter().map(log_name));
            (Script::Connect, arguments)
        }
        Call::Subscribe { conn_id, log } => (Script::Subscribe, vec![id(*conn_id), log_name(log)]),
        Call::Unsubscribe { conn_id, log } => {
            (Script::Unsubscribe, vec![id(*conn_id), log_name(log)])
        }
        Call::Heard { conn_id } => (Script::Heard, vec![id(*conn_id)]),
        Call::LookUp { conn_id } => (Script::LookUp, vec![id(*conn_id)]),
        Call::LookUpUser { user } => (Script::LookUpUser, vec![user_name(user)]),
        Call::SetUser {
            user,
            seen,
            state,
            changed,
        } => {
            let changed = changed.clone().unwrap_or_default();
            let arguments = vec![user_name(user), number(*seen), state.clone(), changed];
            (Script::SetUser, arguments)
        }
        Call::Take {
            conn_id,
            polls,
            continuity,
            session,
        } => {
            let continuity = continuity.map_or_else(Bytes::new, |it| number(it.into()));
            let session = session.clone().unwrap_or_default().into();
            let arguments = vec![id(*conn_id), flag(*polls), continuity, session];
            (Script::Take, arguments)
        }
        Call::Break {
            conn_id,
            turn,
            continuity,
        } => {
            let continuity = number((*continuity).into());
            (
                Script::Break,
                vec![id(*conn_id), number(turn.0), continuity],
            )
        }
        Call::Report {
            conn_id,
            turn,
            read,
            has_ended,
        } => {
            let mut arguments = vec![id(*conn_id), number(turn.0), flag(*has_ended)];
            arguments.extend(positions(read));
            (Script::Report, arguments)
        }
        Call::Leave {
            conn_id,
            turn,
            heard,
        } => {
            let heard = heard.map(entry).unwrap_or_default();
            (Script::Leave, vec![id(*conn_id), number(turn.0), heard])
        }
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
            log,
            config,
            is_for_new,
        } => {
            let arguments = vec![log_name(log), flag(*is_for_new), settings(config)];
            (Script::Configure, arguments)
        }
        Call::Post {
            log,
            message,
            is_for_history,
            once,
        } => {
            let once = once.map_or_else(Bytes::new, |id| id.to_string().into());
            let arguments = vec![log_name(log), message.clone(), flag(*is_for_history), once];
            (Script::Post, arguments)
        }
        Call::Claim { key, claim } => (Script::Claim, vec![key.clone().into(), claim.clone()]),
        Call::Settle { key, claim } => {
            let claim = claim.clone().unwrap_or_default();
            (Script::Settle, vec![key.clone().into(), claim])
        }
        Call::Rewrite {
            log,
            offset,
            seen,
            message,
            event,
        } => {
            let offset = offset.map_or_else(Bytes::new, number);
            let message = message.clone().unwrap_or_default();
            let arguments = vec![log_name(log), offset, number(*seen), message, event.clone()];
            (Script::Rewrite, arguments)
        }
        Call::Hold { session, times } => (Script::Hold, polling(session, *times).into()),
        Call::Tell {
            session,
            times,
            is_pong,
            packets,
        } => {
            let mut arguments = Vec::from(polling(session, *times));
            arguments.push(flag(*is_pong));
            arguments.extend(packets.iter().cloned());
            (Script::Tell, arguments)
        }
        Call::Keep {
            session,
            times,
            change,
            packets,
        } => {
            let mut arguments = Vec::from(polling(session, *times));
            arguments.extend(match change {
                SessionChange::Connected { conn_id, content } => [id(*conn_id), content.clone()],
                SessionChange::Changed { content } => [Bytes::new(), content.clone()],
                SessionChange::Over => [Bytes::new(), Bytes::new()],
            });
            arguments.extend(packets.iter().cloned());
            (Script::Keep, arguments)
        }
        Call::Load { log } => (Script::Load, vec![log_name(log)]),
        Call::Forget { log } => (Script::Forget, vec![log_name(log)]),
        Call::Names { cursor } => (Script::Names, vec![number(*cursor)]),
        Call::Exist { logs } => (Script::Exist, logs.iter().map(log_name).collect()),
        Call::Reach => (Script::Reach, Vec::new()),
        Call::Lost => (Script::Lost, Vec::new()),
        Call::Beat { about } => (Script::Beat, vec![about.clone()]),
        Call::Declare { node, away } => {
            let away = u64::try_from(away.as_millis()).unwrap_or(u64::MAX);
            (Script::Declare, vec![number(node.0), number(away)])
        }
    }
}

fn renewal(
    conn_id: ConnId,
    record: &Record,
    left: &BTreeMap<LogName, FeedId>,
    heard: FeedId,
) -> Vec<Bytes> {
    let mut arguments = vec![
        id(conn_id),
        user_name(&record.user),
        number(record.node.0),
        number(record.turn.0),
        number(record.born.0),
        flag(record.is_here),
        flag(record.open.contains_key(&record.turn)),
        number(record.continuity.into()),
        entry(heard),
        number(left.len() as u64),
    ];
    let left = left.iter();
    arguments.extend(left.flat_map(|(log, id)| [log_name(log), entry(*id)]));
    arguments.extend(positions(&record.read));
    arguments
}

fn polling(session: &SessionName, times: PollTimes) -> [Bytes; 3] {
    let name = Bytes::copy_from_slice(session.as_bytes());
    [name, number(times.interval), number(times.timeout)]
}

fn positions(read: &Read) -> impl Iterator<Item = Bytes> {
    read.iter()
        .flat_map(|(log, position)| [log_name(log), place(*position)])
}

fn place((epoch, offset): Position) -> Bytes {
    format!("{} {offset}", u64::from(epoch)).into()
}

/// Writes the id of an entry of the feed. Redis counts from 0 in each term.
fn entry((Term(term), number): FeedId) -> Bytes {
    format!("{term}-{}", number.saturating_sub(1)).into()
}

/// Writes the settings of a channel as `logs.lua` reads them.
fn settings(config: &ChannelConfig) -> Bytes {
    let flags = [
        config.notify_presence,
        config.store_history,
        config.broadcast_presence_with_user_lists,
        config.notify_state,
        config.store_frames,
    ];
    let flags = flags.map(|is_set| if is_set { "1 " } else { "0 " });
    format!("{}{}", flags.concat(), config.history_size).into()
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

fn user_name(name: &UserName) -> Bytes {
    Bytes::copy_from_slice(name.as_str().as_bytes())
}

fn log_name(name: &LogName) -> Bytes {
    name.to_string().into()
}
