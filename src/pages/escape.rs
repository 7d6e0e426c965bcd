//! Escapes texts for pages.

use std::fmt;

use askama::filters::Escaper;

/// An escaper that writes the special characters of HTML as entities, such as `&lt;` for `<`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamedEntities;

impl Escaper for NamedEntities {
    fn write_escaped_str<W: fmt::Write>(&self, mut to: W, text: &str) -> fmt::Result {
        text.chars()
            .try_for_each(|letter| self.write_escaped_char(&mut to, letter))
    }

    fn write_escaped_char<W: fmt::Write>(&self, mut to: W, letter: char) -> fmt::Result {
        match letter {
            '&' => to.write_str("&amp;"),
            '<' => to.write_str("&lt;"),
            '>' => to.write_str("&gt;"),
            '"' => to.write_str("&quot;"),
            '\'' => to.write_str("&#39;"),
            _ => to.write_char(letter),
        }
    }
}
