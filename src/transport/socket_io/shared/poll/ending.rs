//! The ends of a poll: it was answered, or the session ends, or goes on elsewhere.

use std::sync::Arc;

use actix::prelude::*;
use channelstream_actors::error::CloseReason;
use channelstream_actors::outlet::{End, Presumed, Shut, Socket};
use channelstream_actors::stepped_sleep::sleep_in_steps;

use super::SharedPoll;
use crate::metrics::transport_ends::TransportEnd;
use crate::transport::response_end::ResponseEnded;
use crate::transport::socket_io::server_packets::{self, CLOSE, NOOP};
use crate::transport::socket_io::shared::session::{Content, Phase, State};

/// The socket of an answer. It is that of the balancer, which may reset it at any time. The client
/// does not poll again in the same session if it has not got the answer.
#[derive(Debug)]
struct PassedOn;

impl Socket for PassedOn {
    fn cut(&self) {}

    fn was_reset(&self) -> bool {
        false
    }

    fn may_be_reset(&self) -> bool {
        false
    }

    fn written(&self) -> u64 {
        0
    }
}

impl Handler<ResponseEnded> for SharedPoll {
    type Result = ();

    fn handle(&mut self, end: ResponseEnded, context: &mut Self::Context) {
        self.detach(end.is_written);
        context.stop();
    }
}

impl Handler<Shut> for SharedPoll {
    type Result = ();

    fn handle(&mut self, Shut(reason): Shut, context: &mut Self::Context) {
        let Some((content, outlet)) = &mut self.outlet else {
            return;
        };
        let content = *content;
        outlet.note_end(TransportEnd::Closed(reason));
        if self.answer.is_none() {
            // `ResponseEnded` says soon whether the answer was written.
            let handover = self.session.services().broker.limits().handover;
            let wait = sleep_in_steps(handover).into_actor(self);
            context.spawn(wait.map(|(), poll, _| poll.detach(false)));
            return;
        }
        match reason {
            CloseReason::Replaced => {
                // The newer transport gets these lists.
                self.outbox.drop_lists(&outlet.queue);
                self.detach(false);
                self.outlet = None;
                if !self.is_ending {
                    self.explain_loss(true, context);
                }
            }
            // The session goes on at another node.
            CloseReason::Restart { .. } => {
                self.answer_with(NOOP);
                self.detach(true);
            }
            _ if self.is_ending => {}
            _ => self.say_goodbye(content, reason, context),
        }
    }
}

impl SharedPoll {
    /// Tells the client why the poll cannot listen for its connection any more.
    /// The connection `may_exist` if the poll has listened for it, or if Redis could not say.
    pub(super) fn explain_loss(&mut self, may_exist: bool, context: &mut Context<Self>) {
        self.is_looking = true;
        let session = self.session.clone();
        let found = async move { session.look(false).await }.into_actor(self);
        context.spawn(found.map(move |found, poll, context| {
            poll.is_looking = false;
            let is_stopping = poll.session.services().lifecycle.is_draining();
            match found.map(|found| found.state) {
                Ok(State::Lost(content, reason)) => poll.note_lost(content, reason, context),
                // The session itself has gone on at another node or by a websocket, or its client
                // has ended it.
                Ok(State::Connected(_)) if is_stopping || may_exist => {
                    poll.answer_with(NOOP);
                }
                Ok(State::Connected(content)) => {
                    poll.note_lost(content, CloseReason::UnknownConnection, context);
                }
                Ok(State::Fresh | State::Over) => poll.answer_with(NOOP),
                Err(_) => poll.answer_with(CLOSE),
            }
        }));
    }

    /// Notes that the session cannot listen for its connection any more.
    pub(super) fn note_lost(
        &mut self,
        content: Content,
        reason: CloseReason,
        context: &mut Context<Self>,
    ) {
        match content.phase {
            Phase::Open => self.say_goodbye(content, reason, context),
            Phase::Closing { stays_away } => self.wait_for_end(stays_away, context),
            Phase::Left => self.wait_for_end(true, context),
        }
    }

    /// Tells the client why its session ends. The session goes on for a moment, because a client
    /// handles the end of a session before the packets that came with it.
    pub(super) fn say_goodbye(
        &mut self,
        content: Content,
        reason: CloseReason,
        context: &mut Context<Self>,
    ) {
        let namespace = content.facts().form.namespace;
        for packet in server_packets::goodbye(namespace, reason) {
            self.outbox.push(packet);
        }
        let stays_away = server_packets::stays_away(reason);
        let closing = content.in_phase(Phase::Closing { stays_away });
        let session = self.session.clone();
        // The next poll must find the session like this.
        (self.is_looking, self.is_ending) = (true, true);
        let changed = async move { session.change(&closing).await }.into_actor(self);
        context.spawn(changed.map(|_, poll, _| {
            poll.is_looking = false;
            poll.answer();
            poll.detach(true);
        }));
    }

    /// Ends the session after the client was told why. A client that was told to stay away gets
    /// some time to end the session itself.
    pub(super) fn wait_for_end(&mut self, stays_away: bool, context: &mut Context<Self>) {
        let close_grace = self.session.services().settings.close_grace;
        let wait = if stays_away {
            close_grace
        } else {
            Default::default()
        };
        context.cancel_future(self.timer);
        self.timer = context.run_later(wait, |poll, context| {
            let session = poll.session.clone();
            let ended = async move { session.end(Some(CLOSE)).await }.into_actor(poll);
            // The poll finds the packet that ends it.
            context.spawn(ended.map(|_, poll, context| poll.look(context)));
        });
    }

    /// Detaches from the connection, and reports that the client is expected to return. If the
    /// answer was written, the client has read it when it polls again.
    pub(super) fn detach(&mut self, is_written: bool) {
        if let Some((_, outlet)) = &mut self.outlet {
            let presumed = is_written.then(|| Presumed {
                report: outlet.read.sent(),
                socket: Arc::new(PassedOn),
            });
            outlet.detach(End {
                returns: true,
                presumed,
                ..End::default()
            });
        }
    }
}
