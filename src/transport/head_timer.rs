//! The deadline for the head of a request. It applies to every head on a stream; actix-http has a
//! deadline for the first head only.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use memchr::memchr;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::exchange::Exchange;

/// The state of the head that a stream waits for.
#[derive(Debug)]
pub(super) struct HeadTimer {
    limit: Duration,
    /// The time at which the incomplete head began: with the connection for the first head, with
    /// its first byte for the others. `None` between requests.
    begun_at: Option<Instant>,
    /// The timer of the deadline. It is created when a head has begun and no bytes arrive.
    timer: Option<Pin<Box<Sleep>>>,
    scan: HeadScan,
    /// The number of requests that had begun at the last check of the exchange.
    requests_seen: u64,
}

impl HeadTimer {
    /// Starts the deadline of the first head, on a stream that was just accepted.
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            begun_at: Some(Instant::now()),
            timer: None,
            scan: HeadScan::default(),
            requests_seen: 0,
        }
    }

    /// Takes the bytes that were just read. Starts a deadline if they begin a head.
    pub(super) fn note_read(&mut self, bytes: &[u8], exchange: &Exchange) {
        self.update(exchange);
        if exchange.is_busy() {
            exchange.add_bytes_after_head(bytes.len());
            return;
        }
        if self.begun_at.is_none() {
            self.begun_at = Some(Instant::now());
            exchange.begin_head();
        }
        exchange.add_bytes_after_head(self.scan.count_bytes_after_head(bytes));
    }

    /// Returns whether a head has begun and its deadline has passed. If the deadline is in the
    /// future, the task is woken at that time.
    pub(super) fn is_late(&mut self, exchange: &Exchange, context: &mut Context<'_>) -> bool {
        self.update(exchange);
        let Some(begun_at) = self.begun_at.filter(|_| !exchange.is_busy()) else {
            return false;
        };
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(begun_at + self.limit)));
        timer.as_mut().poll(context).is_ready()
    }

    /// Ends the deadline if a request has begun since the last check. Starts a new one if the
    /// answer has ended and the client has more to send.
    fn update(&mut self, exchange: &Exchange) {
        if std::mem::replace(&mut self.requests_seen, exchange.begun()) != exchange.begun() {
            self.begun_at = None;
            self.timer = None;
            self.scan = HeadScan::default();
        }
        if self.begun_at.is_none() && !exchange.is_busy() && exchange.has_pending_input() {
            self.begun_at = Some(Instant::now());
        }
    }
}

/// A scanner that finds the end of a head: the first empty line after a line that is not empty (RFC
/// 9112 §2.1, §2.2). The head may arrive in any number of pieces.
#[derive(Debug, Default)]
struct HeadScan {
    has_begun: bool,
    line_is_empty: bool,
    has_ended: bool,
}

impl HeadScan {
    /// Scans the next bytes. Returns the number of bytes after the end of the head.
    fn count_bytes_after_head(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while !self.has_ended {
            let line_end = memchr(b'\n', rest);
            let (line, next) = rest.split_at(line_end.unwrap_or(rest.len()));
            let is_empty = line.iter().all(|byte| *byte == b'\r');
            self.has_begun |= !is_empty;
            self.line_is_empty &= is_empty;
            // Without the line break itself.
            let Some((_, next)) = next.split_first() else {
                return 0;
            };
            rest = next;
            self.has_ended = self.has_begun && self.line_is_empty;
            self.line_is_empty = true;
        }
        rest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_head_is_found_wherever_it_is_cut() {
        let bytes = b"\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\nbody\r\n\r\n";
        for cut in 0..bytes.len() {
            let (first, second) = bytes.split_at(cut);
            let mut scan = HeadScan::default();
            assert_eq!(
                scan.count_bytes_after_head(first) + scan.count_bytes_after_head(second),
                b"body\r\n\r\n".len(),
                "cut at {cut}"
            );
        }
        assert_eq!(
            HeadScan::default().count_bytes_after_head(b"GET / HTTP/1.0\n\nx"),
            1
        );
        assert_eq!(
            HeadScan::default().count_bytes_after_head(b"GET / HTTP/1.0\r\nHost: x\r\n"),
            0
        );
    }
}
