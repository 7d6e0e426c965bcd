//! The expected result by the rules of the protocol alone: who is in which channel, and what the
//! histories hold.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::normal::Ids;
use crate::operation::{CHANNELS, Config, Draft, Operation, Recipients, Setup};
use crate::side::{channel_name, user_name};
use crate::step::Step;
use crate::values::channel_config;
use crate::world::Checked;

#[derive(Default)]
pub(crate) struct Model {
    channels: BTreeMap<usize, ModelChannel>,
    /// The number of private events that each user has received.
    users: BTreeMap<usize, u64>,
    connections: BTreeMap<usize, ModelConnection>,
    /// The calls with an idempotency key.
    calls: BTreeMap<usize, ModelCall>,
}

struct ModelCall {
    has_other_body: bool,
    is_answered: bool,
    /// The parts that are published and still exist, by the number of the message and its
    /// recipient.
    done: Done,
}

/// The pairs of message and recipient that are delivered.
type Done = BTreeSet<(usize, Recipient)>;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Recipient {
    Channel(usize),
    User(usize),
}

struct ModelChannel {
    config: Config,
    /// The numbers of the messages, each with the number of its last edit.
    history: Vec<(usize, Option<usize>)>,
}

struct ModelConnection {
    user: usize,
    channels: BTreeSet<usize>,
    is_present: bool,
}

const DEFAULT: Config = Config {
    notify_presence: false,
    store_history: false,
    history_size: 10,
    has_user_lists: false,
    notify_state: false,
    store_frames: true,
};

impl Model {
    pub(crate) fn of(steps: &[Step]) -> Self {
        let mut model = Self::default();
        for step in steps {
            model.apply(step);
            for connection in &step.absent {
                if let Some(connection) = model.connections.get_mut(connection) {
                    connection.is_present = false;
                }
            }
        }
        model
    }

    /// Returns the offsets of the latest entries of private logs.
    pub(crate) fn private_ends(&self) -> BTreeMap<String, u64> {
        let end = |(user, end): (&usize, &u64)| (format!("@{}", user_name(*user)), *end);
        self.users.iter().map(end).collect()
    }

    fn apply(&mut self, step: &Step) {
        match &step.operation {
            Operation::Connect {
                user,
                connection,
                channels,
                config,
                ..
            } => {
                let new = || ModelConnection {
                    user: *user,
                    channels: BTreeSet::new(),
                    is_present: true,
                };
                let present = self.connections.entry(*connection).or_insert_with(new);
                if present.user == *user {
                    present.is_present = true;
                    present.channels.extend(channels);
                    self.users.entry(*user).or_default();
                    self.create(channels, *config);
                }
            }
            Operation::Subscribe {
                connection,
                channels,
                config,
            } => {
                if let Some(connection) = self.connections.get_mut(connection) {
                    connection.channels.extend(channels);
                    self.create(channels, *config);
                }
            }
            Operation::Unsubscribe {
                connection,
                channels,
            } => {
                if let Some(connection) = self.connections.get_mut(connection) {
                    connection
                        .channels
                        .retain(|channel| !channels.contains(channel));
                }
            }
            Operation::Publish(drafts) => self.publish(drafts, step.first, &mut Done::new()),
            Operation::Once {
                key,
                drafts,
                has_other_body,
            } => self.call(*key, *has_other_body, drafts, step.first, true),
            Operation::CutOff { key, drafts, done } => {
                let drafts = &drafts[..drafts.len().min(*done)];
                self.call(*key, false, drafts, step.first, false);
            }
            Operation::Edit { .. } | Operation::Delete { .. } => self.change(step),
            Operation::Configure { channel, config } => {
                self.create(&[*channel], None);
                self.channels
                    .entry(*channel)
                    .and_modify(|channel| channel.config = *config);
            }
            Operation::Disconnect { connection } => drop(self.connections.remove(connection)),
            Operation::Forget { channel } => {
                self.channels.remove(channel);
                for call in self.calls.values_mut() {
                    let gone = Recipient::Channel(*channel);
                    call.done.retain(|(_, recipient)| *recipient != gone);
                }
                for connection in self.connections.values_mut() {
                    connection.channels.remove(channel);
                }
            }
            Operation::Attach { connection, .. } => {
                if let Some(connection) = self.connections.get_mut(connection) {
                    connection.is_present = true;
                }
            }
            Operation::SetState { .. }
            | Operation::Info { .. }
            | Operation::Read { .. }
            | Operation::Detach { .. }
            | Operation::Commit
            | Operation::Restart(_)
            | Operation::Crash(_) => {}
        }
    }

    fn create(&mut self, channels: &[usize], config: Option<Config>) {
        let new = || ModelChannel {
            config: config.unwrap_or(DEFAULT),
            history: Vec::new(),
        };
        for channel in channels {
            self.channels.entry(*channel).or_insert_with(new);
        }
    }

    /// Makes a call with an idempotency key. A repeated call that was not answered before does what
    /// is missing.
    fn call(
        &mut self,
        key: usize,
        has_other_body: bool,
        drafts: &[Draft],
        first: usize,
        is_answered: bool,
    ) {
        let mut call = self.calls.remove(&key).unwrap_or(ModelCall {
            has_other_body,
            is_answered: false,
            done: Done::new(),
        });
        if !call.is_answered && call.has_other_body == has_other_body {
            self.publish(drafts, first, &mut call.done);
            call.is_answered = is_answered;
        }
        self.calls.insert(key, call);
    }

    /// Publishes what is not yet done.
    fn publish(&mut self, drafts: &[Draft], first: usize, done: &mut Done) {
        for (number, draft) in (first..).zip(drafts) {
            match &draft.to {
                Recipients::Users(users) => {
                    for user in users {
                        if let Some(end) = self.users.get_mut(user) {
                            *end += u64::from(done.insert((number, Recipient::User(*user))));
                        }
                    }
                }
                Recipients::Channel { channel: index, .. } => {
                    let Some(channel) = self.channels.get_mut(index) else {
                        continue;
                    };
                    if !done.insert((number, Recipient::Channel(*index))) {
                        continue;
                    }
                    if channel.config.store_history && !draft.no_history {
                        channel.history.push((number, None));
                        let size = channel.config.history_size as usize;
                        let surplus = channel.history.len().saturating_sub(size);
                        channel.history.drain(..surplus);
                    }
                }
            }
        }
    }

    fn change(&mut self, step: &Step) {
        let Some((number, recipients)) = &step.target else {
            return;
        };
        let Recipients::Channel { channel, .. } = recipients else {
            if let Recipients::Users(users) = recipients {
                self.add_private(users);
            }
            return;
        };
        let Some(channel) = self.channels.get_mut(channel) else {
            return;
        };
        if matches!(step.operation, Operation::Delete { .. }) {
            channel.history.retain(|(message, _)| message != number);
        } else {
            let edited = channel
                .history
                .iter_mut()
                .find(|(message, _)| message == number);
            edited
                .into_iter()
                .for_each(|(_, edit)| *edit = Some(step.first));
        }
    }

    fn add_private(&mut self, users: &[usize]) {
        for user in users.iter().collect::<BTreeSet<_>>() {
            self.users.entry(*user).and_modify(|end| *end += 1);
        }
    }

    /// Checks that a broker shows the same users, connections and histories.
    pub(crate) fn compare(&self, info: &Value, ids: &Ids, setup: Setup) -> Checked {
        for index in 0..CHANNELS {
            let shown = &ids.normal_value(info["channels"][channel_name(index).as_str()].clone());
            let Some(channel) = self.channels.get(&index) else {
                if shown.is_null() {
                    continue;
                }
                return Err(format!("channel {index} should not be there"));
            };
            let is_here = |connection: &&ModelConnection| {
                connection.is_present && connection.channels.contains(&index)
            };
            let here = self.connections.values().filter(is_here);
            let users: BTreeSet<String> = here
                .clone()
                .map(|connection| user_name(connection.user).to_string())
                .collect();
            let history = shown["history"].as_array().cloned().unwrap_or_default();
            let mut kept = &channel.history[..];
            if setup.is_short && history.len() < kept.len() {
                // The oldest messages may be dropped because of their size.
                kept = &kept[kept.len() - history.len()..];
            }
            let message = |(number, edit): &(usize, Option<usize>)| json!([number, edit]);
            let expected = json!({
                "users": users,
                "connections": here.count(),
                "settings": channel_config(channel.config),
                "history": kept.iter().map(message).collect::<Vec<_>>(),
            });
            let message =
                |message: &Value| json!([message["message"]["n"], message["message"]["edit"]]);
            let found = json!({
                "users": shown["users"],
                "connections": shown["total_connections"],
                "settings": shown["settings"],
                "history": history.iter().map(message).collect::<Vec<_>>(),
            });
            if found != expected {
                return Err(format!(
                    "channel {index} shows {found}\nbut expected is {expected}"
                ));
            }
        }
        Ok(())
    }
}
