//! Converts between the entries of the model, which are numbers, and those of the scripts.

use bytes::Bytes;
use channelstream_actors::core::cluster::call::{self, FeedId};
use channelstream_actors::store::redis::decoding;
use redis::Value;

use crate::redis::{Answer, Call, EVENTS, Fed, Loaded};

/// The users, by the number that the model has for them: the length of the name.
const USERS: [&str; 3] = ["", "a", "bb"];

fn to_bytes(entry: u64) -> Bytes {
    match entry.checked_sub(EVENTS) {
        None => entry.to_string().into(),
        Some(event) => {
            let sign = if event % 10 == 1 { '+' } else { '-' };
            format!("{sign}{}", USERS[(event / 10) as usize]).into()
        }
    }
}

fn to_number(entry: &Bytes) -> u64 {
    let text = str::from_utf8(entry).unwrap();
    let event = |user: &str, is_here| EVENTS + user.len() as u64 * 10 + is_here;
    match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(user), _) => event(user, 1),
        (_, Some(user)) => event(user, 0),
        _ => text.parse().unwrap(),
    }
}

pub(crate) fn call_with_bytes(call: &Call) -> call::Call<Bytes> {
    use call::Call as To;
    match call.clone() {
        Call::Connect {
            conn_id,
            user,
            channels,
        } => To::Connect {
            conn_id,
            user,
            channels,
        },
        Call::Subscribe { conn_id, channel } => To::Subscribe { conn_id, channel },
        Call::Unsubscribe { conn_id, channel } => To::Unsubscribe { conn_id, channel },
        Call::Take { conn_id } => To::Take { conn_id },
        Call::Report {
            conn_id,
            turn,
            read,
        } => To::Report {
            conn_id,
            turn,
            read,
        },
        Call::Leave { conn_id, turn } => To::Leave { conn_id, turn },
        Call::End { conn_id, turn } => To::End { conn_id, turn },
        Call::Renew {
            conn_id,
            record,
            left,
            heard,
        } => To::Renew {
            conn_id,
            record,
            left,
            heard,
        },
        Call::List { node } => To::List { node },
        Call::Configure {
            channel,
            config,
            is_for_new,
        } => To::Configure {
            channel,
            config,
            is_for_new,
        },
        Call::Post {
            channel,
            message,
            is_for_history,
        } => To::Post {
            channel,
            message: to_bytes(message),
            is_for_history,
        },
        Call::Load { channel } => To::Load { channel },
        Call::Lost => To::Lost,
        Call::Beat => To::Beat,
        Call::Declare { node } => To::Declare { node },
    }
}

pub(crate) fn answer_with_numbers(answer: call::Answer<Bytes>) -> Answer {
    use call::Answer as From;
    match answer {
        From::Done => Answer::Done,
        From::Dead => Answer::Dead,
        From::OtherTerm(term) => Answer::OtherTerm(term),
        From::Unknown => Answer::Unknown,
        From::Later(turn) => Answer::Later(turn),
        From::Connected { record, fed } => Answer::Connected { record, fed },
        From::Known => Answer::Known,
        From::Taken { record, ends, fed } => Answer::Taken { record, ends, fed },
        From::Renewed { read, fed } => Answer::Renewed { read, fed },
        From::Listed(listed) => Answer::Listed(listed),
        From::Posted { fed } => Answer::Posted { fed },
        From::Loaded(loaded) => Answer::Loaded(Loaded {
            log: loaded.log,
            whole_since: loaded.whole_since,
            entries: loaded.entries.iter().map(to_number).collect(),
            config: loaded.config,
            history: loaded.history.iter().map(to_number).collect(),
            fed: loaded.fed,
        }),
    }
}

/// Reads an entry of the feed.
pub(crate) fn fed_with_numbers(entry: &Value) -> (FeedId, Fed) {
    use call::Fed as From;
    let (id, fed) = decoding::fed(entry).unwrap();
    let fed = match fed.unwrap() {
        From::Fenced { kept } => Fed::Fenced { kept },
        From::Lost => Fed::Lost,
        From::Appended {
            channel,
            position,
            message,
        } => Fed::Appended {
            channel,
            position,
            message: to_number(&message),
        },
        From::Configured { channel, config } => Fed::Configured { channel, config },
        From::Taken {
            conn_id,
            turn,
            node,
        } => Fed::Taken {
            conn_id,
            turn,
            node,
        },
        From::Reported {
            conn_id,
            turn,
            read,
        } => Fed::Reported {
            conn_id,
            turn,
            read,
        },
        From::Subscribed {
            conn_id,
            turn,
            channel,
            place,
        } => Fed::Subscribed {
            conn_id,
            turn,
            channel,
            place,
        },
        From::Unsubscribed {
            conn_id,
            turn,
            channel,
        } => Fed::Unsubscribed {
            conn_id,
            turn,
            channel,
        },
        From::Ended { conn_id, turn } => Fed::Ended { conn_id, turn },
    };
    (id, fed)
}
