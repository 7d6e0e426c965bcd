//! The stamp of a published message, by which its deliveries are checked: the publisher, the number
//! of the message, and the time.

use std::io::Write;

use memchr::memmem::Finder;

/// The beginning of a stamp. Its numbers have a fixed width, so that it is found and read without a
/// JSON parser, and a delivery costs the tool as little as possible.
const MARK: &str = "\"stamp\":\"";
const LENGTH: usize = 4 + 10 + 14;

/// The stamp of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The publisher, or [`Stamp::PROBE`] for a message that only finds out who listens.
    pub(crate) slot: u16,
    /// The number of the message among those of its publisher, from 0.
    pub(crate) number: u32,
    /// The time of publication, in microseconds since the start of the run.
    pub(crate) micros: u64,
}

impl Stamp {
    /// The publisher number of messages that are not counted.
    pub(crate) const PROBE: u16 = 9999;

    /// The smallest message that can carry a stamp, in bytes.
    pub(crate) const MIN_MESSAGE: usize = MARK.len() + LENGTH + 14;

    /// Writes a JSON object of `size` bytes that carries the stamp.
    pub(crate) fn write(self, size: usize, message: &mut Vec<u8>) {
        let start = message.len();
        let Self {
            slot,
            number,
            micros,
        } = self;
        // Writing to a vector cannot fail.
        let _ = write!(
            message,
            "{{{MARK}{slot:04}{number:010}{micros:014}\",\"pad\":\""
        );
        let end = start + size.max(Self::MIN_MESSAGE) - 2;
        message.resize(end.max(message.len()), b'x');
        message.extend_from_slice(b"\"}");
    }

    fn read(digits: &[u8]) -> Option<Self> {
        let number = |from: usize, to: usize| -> Option<u64> {
            digits.get(from..to)?.iter().try_fold(0, |number, digit| {
                digit
                    .is_ascii_digit()
                    .then(|| number * 10 + u64::from(digit - b'0'))
            })
        };
        Some(Self {
            slot: number(0, 4)?.try_into().ok()?,
            number: number(4, 14)?.try_into().ok()?,
            micros: number(14, LENGTH)?,
        })
    }
}

/// Finds stamps in the data from a server, however it wraps messages.
pub(crate) struct StampFinder(Finder<'static>);

impl Default for StampFinder {
    fn default() -> Self {
        Self(Finder::new(MARK))
    }
}

impl StampFinder {
    /// Returns all stamps in the text, in their order.
    pub(crate) fn find<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Stamp> + 'a {
        self.0
            .find_iter(text)
            .filter_map(|at| Stamp::read(text.get(at + MARK.len()..)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_requested_size_and_its_stamp_is_found_in_a_list() {
        let stamps = [
            Stamp {
                slot: 7,
                number: 41,
                micros: 1_234_567,
            },
            Stamp {
                slot: 8,
                number: 0,
                micros: 99_999_999,
            },
        ];
        let mut text = b"[".to_vec();
        for stamp in stamps {
            let before = text.len();
            stamp.write(200, &mut text);
            assert_eq!(text.len() - before, 200);
            text.push(b',');
        }
        assert_eq!(
            StampFinder::default().find(&text).collect::<Vec<_>>(),
            stamps
        );
        let message = text.get(1..201).unwrap();
        assert!(
            serde_json::from_slice::<serde_json::Value>(message)
                .unwrap()
                .is_object()
        );
    }
}
