//! Makes the cores of channels and users from what Redis keeps.

use std::sync::Arc;

use bytes::Bytes;
use uuid::Builder;

use crate::core::channel::ChannelCore;
use crate::core::cluster::answer::{Item, Loaded};
use crate::core::entry::Entry;
use crate::core::record::{ChannelRecord, LogState, UserRecord};
use crate::core::route::Route;
use crate::core::user::UserCore;
use crate::core::visible_state::VisibleState;
use crate::limits::{Limits, Retention};
use crate::name::{ChannelName, LogName, MessageId, UserName};
use crate::position::Epoch;
use crate::protocol::event::{self, Action, EventBody, Presence, StateChange};
use crate::protocol::message::Message;
use crate::protocol::timestamp::Moment;
use crate::store::redis::content::{self, Content, NotReadable};

/// Makes the core of a channel from what Redis keeps of it.
pub(crate) fn channel(name: &ChannelName, loaded: Loaded<Bytes>, limits: &Limits) -> ChannelCore {
    let log = LogName::Channel(name.clone());
    let record = ChannelRecord {
        name: name.clone(),
        uuid: identity(loaded.origin, u64::MAX),
        config: loaded.config,
        last_active: moment(loaded.last_active),
        log: loaded.log,
        history_start: 0,
    };
    let numbering = record.log.clone();
    let retention = limits.retention(limits.channel_frames);
    let entries = entries(&log, &numbering, loaded.entries);
    let mut core = ChannelCore::restore(record, entries, retention, limits.history_bytes);
    let message = |item: Item<Bytes>| {
        let message = entry(&log, &numbering, &item)?.message?;
        Some((item.offset, message))
    };
    core.set_history(loaded.history.into_iter().filter_map(message));
    for member in loaded.members {
        let state = member.state.as_ref().and_then(state_of);
        let connections = usize::try_from(member.connections).unwrap_or(usize::MAX);
        core.set_member(&member.user, connections, state.as_ref());
    }
    core
}

/// Makes the core of a user from what Redis keeps of it.
pub(crate) fn user(name: &UserName, loaded: Loaded<Bytes>, retention: Retention) -> UserCore {
    let log = LogName::User(name.clone());
    let state = loaded.user.as_ref().and_then(|user| state_of(&user.state));
    let state = state.unwrap_or_default();
    let record = UserRecord {
        name: name.clone(),
        uuid: identity(loaded.origin, u64::MAX),
        state: state.state().clone(),
        public_keys: state.public_keys().to_vec(),
        given: [].into(),
        last_active: moment(loaded.last_active),
        log: loaded.log,
    };
    let entries = entries(&log, &record.log, loaded.entries);
    UserCore::restore(record, entries, retention)
}

/// Makes the entries that this version can read. A log begins behind the last one that it cannot.
fn entries(log: &LogName, numbering: &LogState, items: Vec<Item<Bytes>>) -> Vec<Entry> {
    let items = items.iter();
    items
        .filter_map(|item| entry(log, numbering, item))
        .collect()
}

fn entry(log: &LogName, numbering: &LogState, item: &Item<Bytes>) -> Option<Entry> {
    let epoch = numbering.epoch_of(item.offset);
    Some(entry_of(log, epoch, item, content_of(item)?))
}

/// Reads what an item of a log says; `None` if this version cannot.
pub(crate) fn content_of(item: &Item<Bytes>) -> Option<Content> {
    let read = Content::read(&item.content);
    read.inspect_err(log_unreadable).ok()
}

/// Makes an entry from an item of a log that was appended in this epoch, and what the item says.
pub(crate) fn entry_of(log: &LogName, epoch: Epoch, item: &Item<Bytes>, content: Content) -> Entry {
    let at = moment(item.at);
    let derived = MessageId::from(identity(epoch, item.offset));
    let mut entry = Entry {
        offset: item.offset,
        route: Route::open(),
        kept: item.is_kept,
        is_in_history: item.is_in_history,
        body: None,
        id: derived,
        at,
        message: None,
    };
    match content {
        Content::Message(message) => set_message(&mut entry, log, message),
        Content::Edit(patch) => {
            entry.id = patch.uuid;
            entry.route = route(log, || Route::of(&patch.address));
            entry.body = Some(event::edit(&patch));
        }
        Content::Deletion(deletion) => {
            entry.id = deletion.uuid;
            entry.route = route(log, || Route::of(&deletion.address));
            entry.body = Some(event::deletion(&deletion));
        }
        Content::Emptied => {}
        Content::Presence {
            user,
            action,
            state,
            users,
        } => {
            let channel = log.channel();
            entry.body = channel.map(|channel| {
                event::presence(&Presence {
                    uuid: derived,
                    timestamp: at.into(),
                    user: &user,
                    channel,
                    action,
                    state: (action == Action::Joined).then_some(&state),
                    users: &users,
                })
            });
            entry.route = Route::all_but(user);
        }
        Content::State {
            user,
            state,
            changed,
        } => {
            let channel = log.channel();
            entry.body = channel.map(|channel| {
                event::state_change(&StateChange {
                    uuid: derived,
                    timestamp: at.into(),
                    user: &user,
                    channel,
                    state: &state,
                    changed: &changed,
                })
            });
        }
    }
    entry
}

fn set_message(entry: &mut Entry, log: &LogName, message: Message) {
    entry.id = message.uuid;
    entry.route = route(log, || Route::of(&message.address));
    let body: EventBody = event::message(&message);
    entry.body = Some(body);
    entry.message = Some(Arc::new(message));
}

/// Returns the route of an entry. Everybody who hears a private log may see all of it.
fn route(log: &LogName, of_channel: impl FnOnce() -> Route) -> Route {
    match log {
        LogName::Channel(_) => of_channel(),
        LogName::User(_) => Route::open(),
    }
}

/// Reads the state of a user; `None` if this version cannot.
pub(crate) fn state_of(state: &Bytes) -> Option<VisibleState> {
    let read = content::read_state(state);
    read.inspect_err(log_unreadable).ok()
}

fn log_unreadable(error: &NotReadable) {
    log::error!("Redis has something that this version cannot read: {error}");
}

/// Returns an id that is the same on all nodes and whenever the log is read: no two logs have the
/// same epochs, and an entry has the epoch in which it was appended.
fn identity(epoch: Epoch, offset: u64) -> uuid::Uuid {
    let mut bytes = [0; 16];
    let (first, last) = bytes.split_at_mut(8);
    // The bits that say what kind of id it is are among the lowest of the first number.
    first.copy_from_slice(&(u64::from(epoch) << 16).to_be_bytes());
    last.copy_from_slice(&offset.to_be_bytes());
    Builder::from_random_bytes(bytes).into_uuid()
}

/// Returns the moment at which the clock of Redis has shown this many milliseconds.
pub(crate) fn moment(millis: u64) -> Moment {
    let (now, micros) = (Moment::now(), millis * 1000);
    let ago = now.micros().saturating_sub(micros);
    Moment::from_clocks(micros, now.uptime_micros().saturating_sub(ago))
}
