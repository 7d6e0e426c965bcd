//! The stored form of a connection.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::core::record::ConnectionRecord;
use crate::store::file::stored::names::Names;
use crate::store::file::stored::{StoredMoment, StoredPosition, Unreadable};

/// A connection, without its id and its user, which have columns of their own.
#[derive(Serialize, Deserialize)]
struct StoredConnection<'a> {
    #[serde(borrow)]
    channels: Vec<StoredPlace<'a>>,
    private: Option<StoredPosition>,
    presumed: Vec<StoredPosition>,
    #[serde(default)]
    owed_gaps: Vec<u64>,
    #[serde(default)]
    new_places: Vec<u64>,
    is_present: bool,
    has_listened: bool,
    #[serde(default)]
    continuity: u64,
    last_heard: StoredMoment,
    returns_by: Option<StoredMoment>,
}

/// A channel of a connection, and the position up to which the client has read there.
#[derive(Serialize, Deserialize)]
struct StoredPlace<'a> {
    #[serde(borrow)]
    channel: Cow<'a, str>,
    read: Option<StoredPosition>,
}

/// Returns the JSON of a connection.
pub(in crate::store::file) fn encode(record: &ConnectionRecord) -> Result<String, Unreadable> {
    let places = record.channels.iter();
    let places = places.map(|(channel, position)| StoredPlace {
        channel: Cow::Borrowed(channel.as_str()),
        read: position.map(Into::into),
    });
    let stored = StoredConnection {
        channels: places.collect(),
        private: record.private.map(Into::into),
        presumed: record.presumed.iter().copied().map(Into::into).collect(),
        owed_gaps: record.owed_gaps.iter().copied().map(Into::into).collect(),
        new_places: record.new_places.iter().copied().map(Into::into).collect(),
        is_present: record.is_present,
        has_listened: record.has_listened,
        continuity: record.continuity.into(),
        last_heard: record.last_heard.into(),
        returns_by: record.returns_by.map(Into::into),
    };
    Ok(serde_json::to_string(&stored)?)
}

/// Reads a connection.
pub(in crate::store::file) fn decode(
    user: &str,
    text: &str,
    names: &mut Names<'_>,
) -> Result<ConnectionRecord, Unreadable> {
    let stored: StoredConnection<'_> = serde_json::from_str(text)?;
    let places = stored.channels.into_iter();
    Ok(ConnectionRecord {
        user: names.user(user),
        channels: places
            .map(|place| (names.channel(&place.channel), place.read.map(Into::into)))
            .collect(),
        private: stored.private.map(Into::into),
        presumed: stored.presumed.into_iter().map(Into::into).collect(),
        owed_gaps: stored.owed_gaps.into_iter().map(Into::into).collect(),
        new_places: stored.new_places.into_iter().map(Into::into).collect(),
        is_present: stored.is_present,
        has_listened: stored.has_listened,
        continuity: stored.continuity.into(),
        last_heard: stored.last_heard.into(),
        returns_by: stored.returns_by.map(Into::into),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{ChannelName, UserName};
    use crate::position::{Continuity, Epoch};
    use crate::protocol::timestamp::Moment;
    use crate::store::file::stored::names::KnownNames;

    #[test]
    fn a_connection_is_read_as_it_was_written() {
        let epoch = Epoch::from(u64::MAX - 1);
        let full = ConnectionRecord {
            user: UserName::new("a\0\"é"),
            channels: vec![
                (ChannelName::new("news"), Some((epoch, 17))),
                (ChannelName::new("\0\\ü"), None),
            ],
            private: Some((epoch, 0)),
            presumed: vec![(epoch, 3), (Epoch::from(0), 4)],
            owed_gaps: [epoch].into(),
            new_places: [Epoch::from(9)].into(),
            is_present: true,
            has_listened: false,
            continuity: Continuity::from(u64::MAX),
            last_heard: Moment::from_clocks(5, 6),
            returns_by: Some(Moment::from_clocks(7, 8)),
        };
        let empty = ConnectionRecord {
            user: full.user.clone(),
            channels: Vec::new(),
            private: None,
            presumed: Vec::new(),
            owed_gaps: [].into(),
            new_places: [].into(),
            is_present: false,
            has_listened: true,
            continuity: Continuity::from(0),
            last_heard: Moment::default(),
            returns_by: None,
        };
        let known = KnownNames::default();
        let mut names = Names::new(&known);
        for record in [full, empty] {
            let text = encode(&record).unwrap();
            let read = decode(record.user.as_str(), &text, &mut names).unwrap();
            assert_eq!(read, record);
        }
    }
}
