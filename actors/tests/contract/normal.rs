//! Normalizes what brokers answer: removes random ids, times and epochs, which differ between two
//! brokers.

use std::collections::HashMap;

use channelstream_actors::name::MessageId;
use serde_json::Value;

/// The ids of messages on one broker, with the number of each message.
#[derive(Clone, Default)]
pub(crate) struct Ids {
    numbers: HashMap<String, usize>,
    ids: HashMap<usize, MessageId>,
}

impl Ids {
    pub(crate) fn add(&mut self, number: usize, id: MessageId) {
        self.numbers.insert(id.to_string(), number);
        self.ids.insert(number, id);
    }

    pub(crate) fn get(&self, number: usize) -> Option<MessageId> {
        self.ids.get(&number).copied()
    }

    /// Returns JSON with numbers in place of message ids, and without all other random ids and
    /// times.
    pub(crate) fn normalize(&self, json: &str) -> String {
        match serde_json::from_str(json) {
            Ok(value) => self.normal_value(value).to_string(),
            Err(_) => json.to_owned(),
        }
    }

    pub(crate) fn normal_value(&self, value: Value) -> Value {
        match value {
            Value::Array(items) => items
                .into_iter()
                .map(|item| self.normal_value(item))
                .collect(),
            Value::Object(fields) => {
                let fields = fields.into_iter().filter(|(key, _)| !is_time(key));
                fields
                    .map(|(key, value)| {
                        let value = self.normal_field(&key, value);
                        (key, value)
                    })
                    .collect()
            }
            other => other,
        }
    }

    fn normal_field(&self, key: &str, value: Value) -> Value {
        match (key, value) {
            ("uuid", Value::String(id)) => match self.numbers.get(&id) {
                Some(number) => format!("message {number}").into(),
                None => Value::Null,
            },
            // The detail page of a log holds events as text.
            ("event", Value::String(json)) => self.normalize(&json).into(),
            (_, value) => self.normal_value(value),
        }
    }
}

fn is_time(key: &str) -> bool {
    matches!(key, "timestamp" | "last_active" | "at" | "silent_secs")
}

/// Returns the place where two texts differ, with its surroundings.
pub(crate) fn difference(memory: &str, file: &str) -> String {
    let same = memory.bytes().zip(file.bytes()).take_while(|(a, b)| a == b);
    let begin = same.count().saturating_sub(200);
    let part = |text: &str| {
        let rest: Vec<u8> = text.bytes().skip(begin).take(600).collect();
        String::from_utf8_lossy(&rest).into_owned()
    };
    format!("memory: …{}\nfile:   …{}", part(memory), part(file))
}
