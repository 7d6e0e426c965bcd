//! The updates that a user must still send to channels, and the callers that wait for them.

use std::collections::{HashMap, VecDeque};

use tokio::sync::oneshot;

use crate::channel::UpdateMember;
use crate::core::connection::Positions;
use crate::core::user::ChannelUpdate;
use crate::name::ChannelName;
use crate::position::Position;
use crate::protocol::config::ChannelConfig;

/// The configurations for the channels that a call may create.
pub(crate) type Configs = HashMap<ChannelName, ChannelConfig>;

enum Step {
    Update(ChannelName, UpdateMember),
    Answer(oneshot::Sender<Positions>),
}

/// The updates and answers that a user must still send, in order. The calls that are under way
/// bound the length of the queue.
#[derive(Default)]
pub(crate) struct UpdateQueue {
    steps: VecDeque<Step>,
    /// True while a channel was sent an update and has not answered it.
    is_waiting: bool,
    /// The places that the channels have returned since the last caller was answered.
    places: Positions,
}

impl UpdateQueue {
    /// Adds updates for channels, each with the configuration for the channel if the update creates
    /// it.
    pub(crate) fn push(&mut self, updates: Vec<ChannelUpdate>, mut configs: Configs) {
        for update in updates {
            let config = configs.remove(&update.channel);
            let message = UpdateMember {
                member: update.member,
                place: update.place,
                config,
            };
            self.steps.push_back(Step::Update(update.channel, message));
        }
    }

    /// Adds an answer, and returns its receiver. The answer comes when the channels have answered
    /// all updates that are in the queue now.
    pub(crate) fn push_answer(&mut self) -> oneshot::Receiver<Positions> {
        let (reply, answered) = oneshot::channel();
        self.steps.push_back(Step::Answer(reply));
        answered
    }

    /// Answers the callers whose turn has come, and returns the next update with its channel.
    /// Returns `None` if there is no update, or if the last one was not [answered](Self::answered)
    /// yet.
    pub(crate) fn next(&mut self) -> Option<(ChannelName, UpdateMember)> {
        if self.is_waiting {
            return None;
        }
        while let Some(step) = self.steps.pop_front() {
            match step {
                Step::Update(channel, message) => {
                    self.is_waiting = true;
                    return Some((channel, message));
                }
                // An error means that the caller has gone.
                Step::Answer(reply) => drop(reply.send(std::mem::take(&mut self.places))),
            }
        }
        // Most users are idle most of the time, so the memory is given back.
        self.steps = VecDeque::new();
        None
    }

    /// Notes that a channel has answered its update. `place` is the place that a connection has
    /// taken there, if the store keeps it.
    pub(crate) fn answered(&mut self, place: Option<(ChannelName, Position)>) {
        self.is_waiting = false;
        self.places.channels.extend(place);
    }
}
