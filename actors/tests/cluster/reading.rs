//! A node reads the feed.

use channelstream_actors::core::cluster::call::{FeedId, Read, Turn};
use channelstream_actors::core::cluster::follower::Follow;
use channelstream_actors::name::ConnId;

use crate::client::Client;
use crate::mutation::Mutation;
use crate::node::{Key, Loss, Node, Purpose};
use crate::redis::{Call, Fed};

impl Node {
    /// Returns the next entry of the feed.
    pub(crate) fn unread<'a>(&self, feed: &'a [(FeedId, Fed)]) -> Option<&'a (FeedId, Fed)> {
        let next = feed.partition_point(|(id, _)| *id <= self.read_to);
        feed.get(next)
    }

    /// Reads the next entries of the feed that change nothing here, now or later. The order of such
    /// entries does not matter, so it need not be searched.
    pub(crate) fn pass_over(&mut self, feed: &[(FeedId, Fed)]) {
        while let Some((id, fed)) = self.unread(feed) {
            let is_irrelevant = match fed {
                Fed::Appended { log, .. } | Fed::Forgotten { log } => {
                    !self.copies.contains_key(log)
                }
                Fed::Taken { conn_id, node, .. } => *node != self.id && !self.knows(*conn_id),
                Fed::Subscribed { conn_id, .. }
                | Fed::Unsubscribed { conn_id, .. }
                | Fed::Heard { conn_id, .. }
                | Fed::Ended { conn_id, .. } => !self.knows(*conn_id),
                Fed::Configured { .. } | Fed::Member { .. } | Fed::User { .. } => true,
                Fed::Fenced { .. } | Fed::Lost | Fed::Reported { .. } | Fed::Told { .. } => false,
            };
            if !is_irrelevant {
                break;
            }
            self.read_to = *id;
            self.saw_in_feed(*id);
        }
    }

    pub(crate) fn knows(&self, conn_id: ConnId) -> bool {
        let mut keys = self.sessions.keys();
        keys.any(|key| key.0 == conn_id) || self.has_call_about(conn_id)
    }

    /// Reads an entry of the feed.
    pub(crate) fn read(&mut self, (id, fed): &(FeedId, Fed), clients: &mut [Client]) {
        self.read_to = *id;
        match fed {
            Fed::Fenced { kept } => {
                if self.witness.fenced(id.0, *kept) {
                    self.loss = Loss::Noticed;
                }
                self.distrust_records(*id, fed);
                self.distrust_logs(*id);
            }
            Fed::Lost => self.distrust_logs(*id),
            Fed::Forgotten { log } => {
                if let Some((follower, _)) = self.copies.get_mut(log) {
                    follower.distrust(*id);
                }
            }
            _ => {}
        }
        self.saw_in_feed(*id);
        if let Fed::Appended { log, epoch, item } = fed {
            if let Some((follower, entries)) = self.copies.get_mut(log) {
                match follower.follow(*id, (*epoch, item.offset)) {
                    Follow::Append => entries.push(item.content),
                    Follow::Skip | Follow::Load => {}
                }
            }
            return;
        }
        let (Fed::Taken { conn_id, .. }
        | Fed::Reported { conn_id, .. }
        | Fed::Subscribed { conn_id, .. }
        | Fed::Unsubscribed { conn_id, .. }
        | Fed::Heard { conn_id, .. }
        | Fed::Ended { conn_id, .. }) = fed
        else {
            return;
        };
        for (key, read) in &mut self.read_meanwhile {
            if key.0 == *conn_id {
                read.push((*id, fed.clone()));
            }
        }
        let keys: Vec<Key> = self
            .sessions
            .keys()
            .filter(|key| key.0 == *conn_id)
            .copied()
            .collect();
        for key in keys {
            self.session_reads(key, *id, fed, clients);
        }
        if let Fed::Taken {
            conn_id,
            turn,
            node,
            ..
        } = fed
            && *node == self.id
            && !self.sessions.contains_key(&(*conn_id, *turn))
            && !self.has_call_about(*conn_id)
        {
            // The answer to the call that took the turn was lost.
            self.report_nothing(*conn_id, *turn);
        }
    }

    fn saw_in_feed(&mut self, id: FeedId) {
        self.seen.saw(id);
        if self.mutation != Some(Mutation::FeedUnseen) {
            self.witness.saw(id);
        }
    }

    fn distrust_logs(&mut self, id: FeedId) {
        for (follower, _) in self.copies.values_mut() {
            follower.distrust(id);
        }
    }

    /// Distrusts all records, because Redis may have lost some of them.
    fn distrust_records(&mut self, id: FeedId, fenced: &Fed) {
        for session in self.sessions.values_mut() {
            session.read_feed(id, fenced);
        }
        for read in self.read_meanwhile.values_mut() {
            read.push((id, fenced.clone()));
        }
    }

    pub(crate) fn report_nothing(&mut self, conn_id: ConnId, turn: Turn) {
        let read = Read::new();
        let call = Call::Report {
            conn_id,
            turn,
            read,
            has_ended: true,
        };
        self.push(call, Purpose::Nobody);
    }

    pub(crate) fn session_reads(
        &mut self,
        key: Key,
        id: FeedId,
        fed: &Fed,
        clients: &mut [Client],
    ) {
        if let Some(session) = self.sessions.get_mut(&key) {
            let effects = session.read_feed(id, fed);
            self.carry_out(key, effects, clients);
        }
    }
}
