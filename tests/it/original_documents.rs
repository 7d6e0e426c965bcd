//! Checks what five public documents of the original say, line by line. Each quote is literal, and
//! a test does what it says.
//!
//! The documents are the home page, the README of 0.7, the page of 0.6 on PyPI, the page of 0.6.0
//! on PyPI, and the README of 0.1. `docs/migration.md` names what is not tried: `pserver` with the
//! sections of Paste, the flash policy server, socket.io, and the demos, which are other programs.

mod answers;
mod bodies;
mod commands;

use serde_json::Value;

/// Returns a body of a document as JSON. Comments are left out, the words in capitals get values,
/// and surplus or missing characters of the document are corrected where the test says so.
fn filled(quote: &str, values: &[(&str, &str)]) -> Value {
    // Some comments end with a comma that belongs to the value.
    let line = |line: &str| match line.split_once(" #") {
        Some((value, comment)) if comment.ends_with(',') && !value.ends_with(',') => {
            format!("{value},")
        }
        Some((value, _)) => value.to_owned(),
        None => line.to_owned(),
    };
    let mut text = quote.lines().map(line).collect::<Vec<_>>().join("\n");
    for (word, value) in values {
        assert!(text.contains(word), "the quote has no {word}: {quote}");
        text = text.replace(word, value);
    }
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
