//! Compares what the model and the scripts have left in Redis.

use std::collections::BTreeMap;
use std::fmt::Debug;

use channelstream_actors::core::cluster::call::Term;
use channelstream_actors::name::{LogName, UserName};
use redis::{Pipeline, Value};

use super::any::all_logs;
use super::convert::fed_with_numbers;
use super::scripts::Pair;
use crate::content::Event;
use crate::redis::Fed;

impl Pair {
    /// Compares the new entries of the feed.
    pub(crate) async fn compare_feeds(&mut self) {
        let ((Term(term), number), count) = self.compared;
        let mut command = redis::cmd("XRANGE");
        command.arg(format!("{}f", self.keys));
        match number.checked_sub(1) {
            // Redis counts from 0 in each term.
            Some(number) => command.arg(format!("({term}-{number}")),
            None => command.arg("-"),
        };
        command.arg("+");
        let entries: Vec<Value> = command.query_async(&mut self.connection).await.unwrap();
        let feed: Vec<_> = entries.iter().map(fed_with_numbers).collect();
        assert_eq!(feed, self.model.feed[count..]);
        self.compared = (self.model.fed(), self.model.feed.len());
        for (_, fed) in &feed {
            self.happened.insert(format!("entry {}", kind(fed)));
            if let Fed::Appended { item, .. } = fed
                && let Some(event) = Event::from_number(item.content)
            {
                self.happened.insert(format!("event {}", kind(&event)));
            }
        }
    }

    /// Compares the rosters, and which keys there are. Those of logs in which no connection has a
    /// place expire.
    pub(crate) async fn compare_keys(&mut self) {
        let mut pipe = Pipeline::new();
        let mut existing = Vec::new();
        for name in all_logs() {
            let log = self.model.logs.get(&name);
            let has_entries = log.is_some_and(|log| !log.entries.is_empty());
            let has_history = log.is_some_and(|log| !log.history.is_empty());
            let mut keys = vec![
                (self.key("c", &name), log.is_some()),
                (self.key("l", &name), has_entries),
                (self.key("h", &name), has_history),
            ];
            if let LogName::User(user) = &name {
                let is_known = self.model.users.contains_key(user);
                keys.push((format!("{}u:{user}", self.keys), is_known));
            }
            for (key, exists) in keys {
                pipe.pttl(&key);
                existing.push((key, exists, self.model.has_connections(&name)));
            }
        }
        let left: Vec<i64> = pipe.query_async(&mut self.connection).await.unwrap();
        for ((key, exists, is_in_use), left) in existing.into_iter().zip(left) {
            let is_as_expected = match (exists, is_in_use) {
                (false, _) => left == -2,
                (true, true) => left == -1,
                (true, false) => left > 1000,
            };
            assert!(is_as_expected, "{key} expires in {left} ms");
        }
        self.compare_rosters().await;
    }

    async fn compare_rosters(&mut self) {
        let mut pipe = Pipeline::new();
        for name in all_logs() {
            pipe.hgetall(self.key("r", &name));
        }
        let found: Vec<BTreeMap<String, u32>> =
            pipe.query_async(&mut self.connection).await.unwrap();
        let rosters = all_logs().into_iter().zip(found);
        let rosters: BTreeMap<_, _> = rosters
            .flat_map(|(name, users)| {
                let key = move |user: String| (name.clone(), UserName::new(user));
                users
                    .into_iter()
                    .map(move |(user, count)| (key(user), count))
            })
            .collect();
        assert_eq!(rosters, self.model.rosters);
    }

    /// Returns a key of a log.
    fn key(&self, kind: &str, name: &LogName) -> String {
        format!("{}{kind}:{name}", self.keys)
    }
}

/// Returns the name of the variant of an enum.
pub(crate) fn kind(it: &impl Debug) -> String {
    let text = format!("{it:?}");
    text.split(['(', ' ']).next().unwrap_or_default().to_owned()
}
