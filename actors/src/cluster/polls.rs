//! The polls of Socket.IO clients that wait at this node.
//!
//! The nodes share the sessions of clients that poll, so the packets of a client may come to
//! another node than the one at which it polls. The feed tells of packets that wait for it, and
//! this actor wakes the poll.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use actix::prelude::*;

use crate::core::cluster::call::SessionName;

/// Tells a poll that packets wait for its client.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct PacketsWait;

/// The actor that knows the polls which wait at this node.
#[derive(Default)]
pub(crate) struct Polls {
    waiting: HashMap<SessionName, Vec<Recipient<PacketsWait>>>,
}

/// Adds a poll.
#[derive(Message)]
#[rtype(result = "WaitingPoll")]
pub(crate) struct AddPoll {
    pub(crate) session: SessionName,
    pub(crate) poll: Recipient<PacketsWait>,
}

/// Wakes the polls of a session. Sent by the actor that hands the feed on.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct WakePolls(pub(crate) SessionName);

/// Wakes all polls, because this node may have missed something.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct WakeAllPolls;

/// Removes a poll.
#[derive(Message)]
#[rtype(result = "()")]
struct RemovePoll {
    session: SessionName,
    poll: Recipient<PacketsWait>,
}

/// The entry of a poll that waits, which is removed when this is dropped.
#[derive(Debug)]
pub struct WaitingPoll {
    session: SessionName,
    poll: Recipient<PacketsWait>,
    polls: Addr<Polls>,
}

impl Drop for WaitingPoll {
    #[expect(
        clippy::disallowed_methods,
        reason = "one message at the end of a poll, which must arrive"
    )]
    fn drop(&mut self) {
        self.polls.do_send(RemovePoll {
            session: std::mem::take(&mut self.session),
            poll: self.poll.clone(),
        });
    }
}

impl Actor for Polls {
    type Context = Context<Self>;
}

impl Handler<AddPoll> for Polls {
    type Result = MessageResult<AddPoll>;

    fn handle(&mut self, add: AddPoll, context: &mut Context<Self>) -> Self::Result {
        let AddPoll { session, poll } = add;
        let polls = self.waiting.entry(session.clone()).or_default();
        polls.push(poll.clone());
        MessageResult(WaitingPoll {
            session,
            poll,
            polls: context.address(),
        })
    }
}

impl Handler<RemovePoll> for Polls {
    type Result = ();

    fn handle(&mut self, RemovePoll { session, poll }: RemovePoll, _: &mut Context<Self>) {
        if let Entry::Occupied(mut polls) = self.waiting.entry(session) {
            polls.get_mut().retain(|other| *other != poll);
            if polls.get().is_empty() {
                polls.remove();
            }
        }
        if self.waiting.is_empty() {
            self.waiting.shrink_to_fit();
        }
    }
}

impl Handler<WakePolls> for Polls {
    type Result = ();

    fn handle(&mut self, WakePolls(session): WakePolls, _: &mut Context<Self>) {
        wake(self.waiting.get(&session).into_iter().flatten());
    }
}

impl Handler<WakeAllPolls> for Polls {
    type Result = ();

    fn handle(&mut self, _: WakeAllPolls, _: &mut Context<Self>) {
        wake(self.waiting.values().flatten());
    }
}

fn wake<'a>(polls: impl Iterator<Item = &'a Recipient<PacketsWait>>) {
    for poll in polls {
        // A poll whose mailbox is full looks for packets soon.
        let _ = poll.try_send(PacketsWait);
    }
}
