//! A channel as `/info` and operators see it.

use std::sync::Arc;

use crate::core::channel::ChannelCore;
use crate::core::entry::Entry;
use crate::core::roster::Roster;
use crate::protocol::info::{ChannelInfo, Detail};
use crate::protocol::listing::Listing;
use crate::protocol::message::Message;
use crate::view::{ChannelDetail, ChannelSummary, HistoryEntry, LogEntry, SHOWN, beginning};

/// The list of a channel's users. It is made when a caller asks for it, and kept until the roster
/// changes, because many callers ask for the same list.
#[derive(Debug, Default)]
pub(crate) struct ListingCache {
    /// The list, and the revision of the roster that it shows.
    kept: Option<(u64, Arc<Listing>)>,
}

impl ListingCache {
    fn get(&mut self, roster: &Roster) -> Arc<Listing> {
        if let Some((revision, listing)) = &self.kept
            && *revision == roster.revision()
        {
            return listing.clone();
        }
        let listing = Listing::new(roster.users().collect(), roster.public_users().collect());
        let listing = Arc::new(listing);
        self.kept = Some((roster.revision(), listing.clone()));
        listing
    }

    /// Forgets the list.
    pub(crate) fn clear(&mut self) {
        self.kept = None;
    }
}

/// Returns the channel as `/info` shows it.
pub(crate) fn info(core: &ChannelCore, detail: Detail, listings: &mut ListingCache) -> ChannelInfo {
    let listing = if detail.users {
        listings.get(core.roster())
    } else {
        Arc::default()
    };
    let history = if detail.history {
        core.history().messages().cloned().collect()
    } else {
        Vec::new()
    };
    ChannelInfo {
        uuid: core.uuid(),
        name: core.name().clone(),
        long_name: None,
        settings: core.config().clone(),
        history,
        last_active: core.last_active().into(),
        total_connections: core.roster().connections(),
        total_users: listing.len(),
        users: listing,
    }
}

/// Returns everything that an operator may see of the channel. A long list is cut to its last
/// items, or to its first items by name.
pub(crate) fn detail(core: &ChannelCore) -> ChannelDetail {
    let (roster, history, log) = (core.roster(), core.history(), core.log());
    let skipped = history.len().saturating_sub(SHOWN);
    ChannelDetail {
        name: core.name().clone(),
        uuid: core.uuid(),
        settings: core.config().clone(),
        last_active: core.last_active(),
        total_connections: roster.connections(),
        total_users: roster.len(),
        users: roster.public_users().take(SHOWN).collect(),
        total_history: history.len(),
        history: history
            .messages()
            .skip(skipped)
            .map(|message| history_entry(message))
            .collect(),
        total_log: log.len(),
        log: log.last(SHOWN).map(log_entry).collect(),
    }
}

/// Returns the channel as one line of a list.
pub(crate) fn summary(core: &ChannelCore) -> ChannelSummary {
    ChannelSummary {
        name: core.name().clone(),
        users: core.roster().len(),
        connections: core.roster().connections(),
        events: core.log().end(),
        last_active: core.last_active(),
    }
}

fn history_entry(message: &Message) -> HistoryEntry {
    HistoryEntry {
        uuid: message.uuid,
        timestamp: message.timestamp,
        user: message.user.clone(),
        edited: message.edited,
        message: message
            .message
            .as_ref()
            .map(|payload| beginning(payload.get())),
    }
}

fn log_entry(entry: &Entry) -> LogEntry {
    LogEntry {
        offset: entry.offset,
        at: entry.at,
        kept: entry.kept,
        route: entry.route.clone(),
        event: entry.body.as_ref().map(|body| beginning(body.live())),
    }
}
