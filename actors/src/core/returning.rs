//! Whether a client that polls again has read the answer of its last poll.
//!
//! A client on the same socket, or on another while the first stays open, has. One that closed the socket of the answer may have done
//! so while the answer was still on its way, and then it comes back sooner than a client can that has read it. How soon that is shows
//! by how long its earlier answers took to come to the next poll.

use std::time::Duration;

/// Fewer returns than this say nothing of a client.
const ENOUGH: u32 = 4;

/// A client that ever came back within this time is near, and no answer is on its way for long.
const NEAR: Duration = Duration::from_millis(40);

/// How soon a client polls again after an answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Returning {
    count: u32,
    fastest: Duration,
}

impl Returning {
    /// Notes that a client which had read an answer polled again this long after the answer was written.
    pub fn note(&mut self, after: Duration) {
        self.fastest = if self.count == 0 { after } else { self.fastest.min(after) };
        self.count = self.count.saturating_add(1);
    }

    /// Returns whether a poll that comes this long after an answer was written comes too soon for its client to have read it.
    pub fn is_too_soon(&self, after: Duration) -> bool {
        self.count >= ENOUGH && self.fastest > NEAR && after < self.fastest * 7 / 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn returning(millis: &[u64]) -> Returning {
        let mut returning = Returning::default();
        millis.iter().for_each(|millis| returning.note(Duration::from_millis(*millis)));
        returning
    }

    #[test]
    fn a_client_that_is_far_away_cannot_have_read_at_once() {
        let far = returning(&[104, 101, 130, 250]);
        assert!(far.is_too_soon(Duration::from_millis(50)));
        assert!(!far.is_too_soon(Duration::from_millis(95)));
    }

    #[test]
    fn nothing_is_too_soon_for_a_client_that_is_near_or_new() {
        assert!(!returning(&[90, 30, 90, 90]).is_too_soon(Duration::from_millis(1)));
        assert!(!returning(&[101, 102, 103]).is_too_soon(Duration::from_millis(1)));
    }
}
