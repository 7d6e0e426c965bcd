//! A client of event streams that does what `EventSource` does in a browser (WHATWG HTML §9.2).

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde_json::Value;

/// An event, as a page receives it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// The name of the event, or an empty text, which means `message`.
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: String,
}

impl Event {
    pub(crate) fn list(&self) -> Vec<Value> {
        serde_json::from_str(&self.data).unwrap_or_else(|_| panic!("not a list: {self:?}"))
    }
}

pub(crate) struct EventStream {
    response: Response,
    rest: String,
    /// The value that the next request would send as `Last-Event-ID`.
    pub(crate) last_id: String,
    pub(crate) comments: usize,
    /// The delay before a reconnect that the server has named, in milliseconds.
    pub(crate) retry: Option<u64>,
}

impl EventStream {
    pub(crate) async fn open(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        Self::of(response, "")
    }

    /// Reads the stream of an answer. The stream before it ended at `last_id`.
    pub(crate) fn of(response: Response, last_id: &str) -> Self {
        Self {
            response,
            rest: String::new(),
            last_id: last_id.to_owned(),
            comments: 0,
            retry: None,
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.response
            .headers()
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Returns the next event, or `None` when the server has ended the stream.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.rest.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.rest = rest;
                if let Some(event) = self.event(&block) {
                    return Some(event);
                }
            }
            let chunk = self.response.chunk().await.ok()??;
            self.rest.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Returns the next event, and fails if it does not come soon.
    pub(crate) async fn expect_next(&mut self) -> Event {
        tokio::time::timeout(Duration::from_secs(10), self.next())
            .await
            .expect("no event came")
            .expect("the stream has ended")
    }

    fn event(&mut self, block: &str) -> Option<Event> {
        let (mut event, mut has_data) = (
            Event {
                id: self.last_id.clone(),
                ..Event::default()
            },
            false,
        );
        for line in block.lines() {
            match line.split_once(": ").unwrap_or((line, "")) {
                ("id", id) => event.id = id.to_owned(),
                ("event", name) => event.name = name.to_owned(),
                ("retry", millis) => self.retry = Some(millis.parse().unwrap()),
                ("data", data) => {
                    assert!(!has_data, "a list on several lines: {block}");
                    has_data = true;
                    event.data = data.to_owned();
                }
                (":", "") => self.comments += 1,
                _ => panic!("not a line of an event: {line:?}"),
            }
        }
        self.last_id.clone_from(&event.id);
        has_data.then_some(event)
    }
}
