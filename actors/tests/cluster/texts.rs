//! What entries and states say, as the text in Redis.

use serde_json::Value;

use crate::content::{Event, UserList};
use crate::redis::Item;

/// The users, by the number that the model has for them: the length of the name.
const USERS: [&str; 3] = ["", "a", "bb"];

/// The number of digits of the time of an item.
const MILLIS_DIGITS: usize = 13;

/// Returns the text of what an entry says.
pub(crate) fn content_text(number: u64) -> String {
    let with_user = |letter: char, user: u64, state: &str| {
        let name = USERS[user as usize];
        format!("{letter}{{\"user\":\"{name}\",\"state\":{state}")
    };
    match Event::from_number(number) {
        // Messages have different lengths.
        None => format!("m{number}{}", ".".repeat(number as usize % 50)),
        Some(Event::Presence {
            is_here,
            user,
            state,
            users,
        }) => {
            let letter = if is_here { '+' } else { '-' };
            let users = users.map(|users| format!(",\"users\":[{}]", list_text(&users)));
            with_user(letter, user, &optional_text(state)) + &users.unwrap_or_default() + "}"
        }
        Some(Event::State {
            user,
            state,
            changed,
        }) => {
            let text = with_user('s', user, &state_text(state));
            format!("{text},\"changed\":{}}}", state_text(changed))
        }
        Some(Event::Edit(number)) => format!("e{number}"),
        Some(Event::Deletion(number)) => format!("d{number}"),
        Some(Event::Emptied) => "x".to_owned(),
    }
}

/// Returns the text of a state.
pub(crate) fn state_text(state: u64) -> String {
    format!("{{\"s\":{state}}}")
}

fn optional_text(state: Option<u64>) -> String {
    state.map_or_else(|| "null".to_owned(), state_text)
}

fn list_text(users: &UserList) -> String {
    let user = |(user, state): &(u64, Option<u64>)| {
        let name = USERS[*user as usize];
        format!("[\"{name}\",{}]", optional_text(*state))
    };
    users.iter().map(user).collect::<Vec<_>>().join(",")
}

/// Returns the number of a text that [`content_text`] or a script has written.
pub(crate) fn content_number(text: &[u8]) -> u64 {
    let text = str::from_utf8(text).unwrap();
    let (letter, rest) = text.split_at(1);
    let number = || rest.trim_end_matches('.').parse().unwrap();
    let event = match letter {
        "m" => return number(),
        "e" => Event::Edit(number()),
        "d" => Event::Deletion(number()),
        "x" => Event::Emptied,
        _ => json_event(letter, &serde_json::from_str(rest).unwrap()),
    };
    assert_eq!(content_text(event.number()), text);
    event.number()
}

fn json_event(letter: &str, json: &Value) -> Event {
    let user = |name: &Value| name.as_str().unwrap().len() as u64;
    let state = |state: &Value| state["s"].as_u64();
    if letter == "s" {
        return Event::State {
            user: user(&json["user"]),
            state: state(&json["state"]).unwrap(),
            changed: state(&json["changed"]).unwrap(),
        };
    }
    let users = json.get("users").map(|users| {
        let users = users.as_array().unwrap().iter();
        users.map(|it| (user(&it[0]), state(&it[1]))).collect()
    });
    Event::Presence {
        is_here: letter == "+",
        user: user(&json["user"]),
        state: state(&json["state"]),
        users,
    }
}

/// Returns the number of a text that [`state_text`] has written.
pub(crate) fn state_number(text: &[u8]) -> u64 {
    let json: Value = serde_json::from_slice(text).unwrap();
    json["s"].as_u64().unwrap()
}

/// Returns the number of bytes of an item in Redis.
pub(crate) fn item_size(item: &Item) -> usize {
    let offset = item.offset.to_string().len();
    // There are two flags and three spaces.
    offset + MILLIS_DIGITS + 5 + content_text(item.content).len()
}
