//! Converts between the model, where messages and states are numbers, and the scripts.

use bytes::Bytes;
use channelstream_actors::core::cluster::answer::{self, Held, Loaded, Member, Pulse, User};
use channelstream_actors::core::cluster::call::{self, FeedId, NodeId, SessionChange};
use channelstream_actors::core::cluster::fed;
use channelstream_actors::store::redis::decoding;
use redis::Value;

use crate::redis::{Answer, Call, Fed, Item};
use crate::texts::{content_number, content_text, state_number, state_text};

fn content(number: u64) -> Bytes {
    content_text(number).into()
}

fn state(number: u64) -> Bytes {
    state_text(number).into()
}

pub(crate) fn call_with_bytes(call: &Call) -> call::Call<Bytes> {
    use call::Call as To;
    match call.clone() {
        Call::Connect {
            conn_id,
            user,
            logs,
        } => To::Connect {
            conn_id,
            user,
            logs,
        },
        Call::Subscribe { conn_id, log } => To::Subscribe { conn_id, log },
        Call::Unsubscribe { conn_id, log } => To::Unsubscribe { conn_id, log },
        Call::Heard { conn_id } => To::Heard { conn_id },
        Call::LookUp { conn_id } => To::LookUp { conn_id },
        Call::LookUpUser { user } => To::LookUpUser { user },
        Call::SetUser {
            user,
            seen,
            state: new,
            changed,
        } => To::SetUser {
            user,
            seen,
            state: state(new),
            changed: changed.map(state),
        },
        Call::Take {
            conn_id,
            polls,
            continuity,
            session,
        } => To::Take {
            conn_id,
            polls,
            continuity,
            session,
        },
        Call::Break {
            conn_id,
            turn,
            continuity,
        } => To::Break {
            conn_id,
            turn,
            continuity,
        },
        Call::Report {
            conn_id,
            turn,
            read,
            has_ended,
        } => To::Report {
            conn_id,
            turn,
            read,
            has_ended,
        },
        Call::Leave {
            conn_id,
            turn,
            heard,
        } => To::Leave {
            conn_id,
            turn,
            heard,
        },
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
            log,
            config,
            is_for_new,
        } => To::Configure {
            log,
            config,
            is_for_new,
        },
        Call::Post {
            log,
            message,
            is_for_history,
            once,
        } => To::Post {
            log,
            message: content(message),
            is_for_history,
            once,
        },
        Call::Claim { key, claim } => To::Claim {
            key,
            claim: state(claim),
        },
        Call::Settle { key, claim } => To::Settle {
            key,
            claim: claim.map(state),
        },
        Call::Hold { session, times } => To::Hold { session, times },
        Call::Tell {
            session,
            times,
            is_pong,
            packets,
        } => To::Tell {
            session,
            times,
            is_pong,
            packets: packets.into_iter().map(state).collect(),
        },
        Call::Keep {
            session,
            times,
            change,
            packets,
        } => To::Keep {
            session,
            times,
            change: match change {
                SessionChange::Connected { conn_id, content } => SessionChange::Connected {
                    conn_id,
                    content: state(content),
                },
                SessionChange::Changed { content } => SessionChange::Changed {
                    content: state(content),
                },
                SessionChange::Over => SessionChange::Over,
            },
            packets: packets.into_iter().map(state).collect(),
        },
        Call::Rewrite {
            log,
            offset,
            seen,
            message,
            event,
        } => To::Rewrite {
            log,
            offset,
            seen,
            message: message.map(content),
            event: content(event),
        },
        Call::Load { log } => To::Load { log },
        Call::Forget { log } => To::Forget { log },
        Call::Names { cursor } => To::Names { cursor },
        Call::Exist { logs } => To::Exist { logs },
        Call::Reach => To::Reach,
        Call::Lost => To::Lost,
        Call::Beat { about } => To::Beat {
            about: state(about),
        },
        Call::Declare { node, away } => To::Declare { node, away },
    }
}

/// Converts an answer. What Redis gives in any order is sorted.
pub(crate) fn answer_with_numbers(answer: answer::Answer<Bytes>) -> Answer {
    use answer::Answer as From;
    match answer {
        From::Done => Answer::Done,
        From::Dead => Answer::Dead,
        From::OtherTerm(term) => Answer::OtherTerm(term),
        From::Unknown => Answer::Unknown,
        From::Later(turn) => Answer::Later(turn),
        From::Connected { record, fed } => Answer::Connected { record, fed },
        From::Known(record) => Answer::Known(record),
        From::User(user) => Answer::User(user_with_number(user)),
        From::Changed => Answer::Changed,
        From::Claimed(claim) => Answer::Claimed(state_number(&claim)),
        // The model has no clock.
        From::Held(held) => Answer::Held(Held {
            content: held.content.map(|content| state_number(&content)),
            packets: held.packets.iter().map(|it| state_number(it)).collect(),
            state: held.state,
            wait: 0,
        }),
        From::InUse => Answer::InUse,
        From::Names { cursor, mut names } => {
            names.sort();
            Answer::Names { cursor, names }
        }
        From::Reached(fed) => Answer::Reached(fed),
        From::Beats(pulses) => {
            let pulse = |(node, pulse): (NodeId, Pulse<Bytes>)| {
                let Pulse { beats, away, .. } = pulse;
                let about = pulse.about.as_deref().map(state_number);
                (node, Pulse { beats, away, about })
            };
            Answer::Beats(pulses.into_iter().map(pulse).collect())
        }
        // The model does not know which places are new.
        From::Taken {
            record, ends, fed, ..
        } => Answer::Taken {
            record,
            ends,
            new: [].into(),
            fed,
        },
        From::Renewed { read, fed } => Answer::Renewed { read, fed },
        From::Listed(mut listed) => {
            listed.sort();
            Answer::Listed(listed)
        }
        From::Posted { fed } => Answer::Posted { fed },
        From::Loaded(loaded) => {
            assert_eq!(loaded.last_active.to_string().len(), 13, "a time");
            let members = loaded.members.into_iter().map(member_with_number);
            let mut members: Vec<_> = members.collect();
            members.sort();
            Answer::Loaded(Loaded {
                log: loaded.log,
                whole_since: loaded.whole_since,
                origin: loaded.origin,
                revision: loaded.revision,
                last_active: 0,
                entries: loaded.entries.into_iter().map(item_with_number).collect(),
                config: loaded.config,
                history: loaded.history.into_iter().map(item_with_number).collect(),
                members,
                user: loaded.user.map(user_with_number),
                fed: loaded.fed,
            })
        }
    }
}

fn item_with_number(item: answer::Item<Bytes>) -> Item {
    assert_eq!(item.at.to_string().len(), 13, "a time");
    Item {
        offset: item.offset,
        at: 0,
        is_kept: item.is_kept,
        is_in_history: item.is_in_history,
        content: content_number(&item.content),
    }
}

fn member_with_number(member: Member<Bytes>) -> Member<u64> {
    Member {
        user: member.user,
        connections: member.connections,
        state: member.state.map(|state| state_number(&state)),
    }
}

fn user_with_number(user: User<Bytes>) -> User<u64> {
    User {
        version: user.version,
        born: user.born,
        state: state_number(&user.state),
        connections: user.connections,
    }
}

/// Reads an entry of the feed.
pub(crate) fn fed_with_numbers(entry: &Value) -> (FeedId, Fed) {
    use fed::Fed as From;
    let (id, fed) = decoding::fed(entry).unwrap();
    let fed = match fed.unwrap() {
        From::Forgotten { log } => Fed::Forgotten { log },
        From::Fenced { kept } => Fed::Fenced { kept },
        From::Lost => Fed::Lost,
        From::Appended { log, epoch, item } => Fed::Appended {
            log,
            epoch,
            item: item_with_number(item),
        },
        From::Member { log, member } => Fed::Member {
            log,
            member: member_with_number(member),
        },
        From::User {
            user,
            version,
            state,
        } => Fed::User {
            user,
            version,
            state: state_number(&state),
        },
        From::Configured { log, config } => Fed::Configured { log, config },
        From::Taken {
            conn_id,
            turn,
            node,
            polls,
        } => Fed::Taken {
            conn_id,
            turn,
            node,
            polls,
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
            log,
            place,
        } => Fed::Subscribed {
            conn_id,
            turn,
            log,
            place,
        },
        From::Unsubscribed { conn_id, turn, log } => Fed::Unsubscribed { conn_id, turn, log },
        From::Told { session } => Fed::Told { session },
        From::Heard { conn_id, turn } => Fed::Heard { conn_id, turn },
        From::Ended { conn_id, turn } => Fed::Ended { conn_id, turn },
    };
    (id, fed)
}
