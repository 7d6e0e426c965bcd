//! The channels that a user has still to tell of itself, and the callers that wait for it.

use std::collections::{HashMap, VecDeque};

use tokio::sync::oneshot;

use crate::channel::UpdateMember;
use crate::core::connection::Positions;
use crate::core::user::ChannelUpdate;
use crate::name::ChannelName;
use crate::position::Position;
use crate::protocol::config::ChannelConfig;

/// The configurations of channels that a call may create.
pub(crate) type Configs = HashMap<ChannelName, ChannelConfig>;

enum Step {
    Update(ChannelName, UpdateMember),
    Answer(oneshot::Sender<Positions>),
}

/// What a user has still to do, in order. The calls that are under way bound its length.
#[derive(Default)]
pub(crate) struct UpdateQueue {
    steps: VecDeque<Step>,
    /// True while a channel was told and has not answered.
    is_waiting: bool,
    /// The places that the channels have answered since the last caller was.
    places: Positions,
}

impl UpdateQueue {
    /// Adds updates of channels, each with the configuration that it brings to a new channel.
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

    /// Returns an answer that comes when all channels were told that are in the queue now.
    pub(crate) fn push_answer(&mut self) -> oneshot::Receiver<Positions> {
        let (reply, answered) = oneshot::channel();
        self.steps.push_back(Step::Answer(reply));
        answered
    }

    /// Answers the callers whose turn has come, and returns the channel to tell next. Returns
    /// `None` if there is none, or one that was told has not [answered](Self::answered).
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

    /// Notes that the channel that was told has answered, with the place that a connection has taken
    /// there if it is to be kept.
    pub(crate) fn answered(&mut self, place: Option<(ChannelName, Position)>) {
        self.is_waiting = false;
        self.places.channels.extend(place);
    }
}
