//! The ends of a session whose client polls: the client or the server ends it, or a websocket takes
//! it over.

use std::time::Duration;

use actix::prelude::*;
use channelstream_actors::error::CloseReason;
use channelstream_actors::outlet::{End, Shut};
use channelstream_actors::stepped_sleep::sleep_in_steps;
use tokio::sync::oneshot;

use crate::metrics::transport_ends::TransportEnd;
use crate::transport::socket_io::messages::TakenOver;
use crate::transport::socket_io::polling::{Phase, PollingSession};
use crate::transport::socket_io::server_packets::{self, CLOSE, NOOP};

/// The time by which a poll may arrive later than the end of the session that its client sent after
/// it.
const LATE_POLL: Duration = Duration::from_millis(100);

impl Handler<Shut> for PollingSession {
    type Result = ();

    /// Tells the client why the session ends. A client whose poll was just answered gets a short
    /// time to poll again, and so to confirm that answer.
    fn handle(&mut self, Shut(reason): Shut, context: &mut Self::Context) {
        let Some((facts, outlet)) = &mut self.connected else {
            return;
        };
        outlet.note_end(TransportEnd::Closed(reason));
        if reason == CloseReason::Replaced {
            // The newer transport gets these lists.
            self.outbox.drop_lists(&outlet.queue);
        }
        for packet in server_packets::goodbye(facts.form.namespace, reason) {
            self.outbox.push(packet);
        }
        // The session goes on for a moment, because a client handles the end of a session before
        // the packets that came with it.
        self.phase = Phase::Closing {
            stays_away: server_packets::stays_away(reason),
        };
        self.answer_if_ready(context);
        let handover = self.services.broker.limits().handover;
        let wait = sleep_in_steps(handover).into_actor(self);
        context.spawn(wait.map(|(), session, _| {
            if let Some((_, outlet)) = &mut session.connected {
                outlet.detach(End::default());
            }
        }));
        let close_grace = self.services.settings.close_grace;
        context.run_later(close_grace, |session, context| {
            session.end(TransportEnd::Client, CLOSE, context);
        });
    }
}

impl PollingSession {
    /// Hands the session over to a websocket.
    pub(super) fn hand_over(
        &mut self,
        reply: oneshot::Sender<TakenOver>,
        context: &mut Context<Self>,
    ) {
        if self.phase != Phase::Open {
            return;
        }
        let packets = self.outbox.take_packets();
        if let Some((_, outlet)) = &mut self.connected {
            // The client ends its polls before it goes on by a websocket.
            self.answers.confirm_all(&mut outlet.read);
            outlet.note_end(TransportEnd::Client);
            outlet.detach(End {
                returns: true,
                ..End::default()
            });
        }
        let taken_over = TakenOver {
            sid: self.registration.sid().to_owned(),
            identification: self.identification.clone(),
            facts: self.facts(),
            packets,
            shared: None,
        };
        // An error means that the websocket is gone.
        let _ = reply.send(taken_over);
        self.end(TransportEnd::Client, NOOP, context);
    }

    /// Ends the session because its client says so. The client may have sent a poll before, on
    /// another socket, which arrives a little later. It is answered, as the protocol says.
    pub(super) fn end_by_client(&mut self, context: &mut Context<Self>) {
        if self.is_polling() {
            return self.end(TransportEnd::Client, NOOP, context);
        }
        self.phase = Phase::Ended;
        self.stop_listening();
        // What else waits is of no use to the client any more.
        self.outbox.take_packets();
        context.run_later(LATE_POLL, |session, context| {
            session.end(TransportEnd::Client, NOOP, context);
        });
    }

    /// Detaches from the connection because the client does not want to hear more. What it was sent
    /// last is not confirmed.
    pub(super) fn stop_listening(&mut self) {
        if let Some((_, outlet)) = &mut self.connected {
            self.outbox.drop_lists(&outlet.queue);
            outlet.note_end(TransportEnd::Client);
            outlet.detach(End::default());
        }
    }

    /// Ends the session at once. A poll that waits is answered with `last` after what waits.
    pub(super) fn end(&mut self, end: TransportEnd, last: &str, context: &mut Context<Self>) {
        if let Some((_, outlet)) = &mut self.connected {
            outlet.note_end(end);
        }
        if self.is_polling() {
            self.outbox.push(last);
            self.answer(context);
        }
        if let Some((_, outlet)) = &mut self.connected {
            outlet.detach(End::default());
        }
        context.stop();
    }

    /// Detaches from the connection. The client has ended its poll or waits in one, so it has read
    /// all answers before.
    pub(super) fn detach(&mut self) {
        if let Some((_, outlet)) = &mut self.connected {
            self.answers.confirm_all(&mut outlet.read);
            outlet.detach(End::default());
        }
    }
}
