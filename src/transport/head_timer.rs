//! The deadline of a request's head: of the first one on a stream, and of each that follows.
//! actix-http has a deadline for the first one only.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::exchange::Exchange;

/// What a stream knows of the head it waits for.
#[derive(Debug)]
pub(super) struct HeadTimer {
    limit: Duration,
    /// When the head began that is not complete: with the connection, or with its own first byte.
    /// `None` between requests.
    begun_at: Option<Instant>,
    /// Runs while a head has begun and nothing comes.
    timer: Option<Pin<Box<Sleep>>>,
    scan: HeadScan,
    /// How many requests had begun when the exchange was last looked at.
    requests_seen: u64,
}

impl HeadTimer {
    /// Begins the deadline of the first head, on a stream that was just accepted.
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            begun_at: Some(Instant::now()),
            timer: None,
            scan: HeadScan::default(),
            requests_seen: 0,
        }
    }

    /// Takes the bytes that were just read. They begin a deadline if they begin a head.
    pub(super) fn note_read(&mut self, bytes: &[u8], exchange: &Exchange) {
        self.update(exchange);
        if exchange.is_busy() {
            exchange.add_behind_head(bytes.len());
            return;
        }
        if self.begun_at.is_none() {
            self.begun_at = Some(Instant::now());
            exchange.begin_head();
        }
        exchange.add_behind_head(self.scan.count_behind_head(bytes));
    }

    /// Returns whether a head has begun and its time is over. If it has begun and its time is not
    /// over, the task is woken when it is.
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

    /// Ends the deadline when a request has begun since the last time, and begins another when
    /// more is to come after its answer.
    fn update(&mut self, exchange: &Exchange) {
        if std::mem::replace(&mut self.requests_seen, exchange.begun()) != exchange.begun() {
            self.begun_at = None;
            self.timer = None;
            self.scan = HeadScan::default();
        }
        if self.begun_at.is_none() && !exchange.is_busy() && exchange.has_rest() {
            self.begun_at = Some(Instant::now());
        }
    }
}

/// Finds the end of a head: the first empty line behind one that is not empty (RFC 9112 §2.1,
/// §2.2). The head may come in any number of pieces.
#[derive(Debug, Default)]
struct HeadScan {
    has_begun: bool,
    line_is_empty: bool,
    has_ended: bool,
}

impl HeadScan {
    /// Scans the next bytes, and returns how many of them lie behind the end of the head.
    fn count_behind_head(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes.iter();
        while !self.has_ended {
            match rest.next() {
                None => return 0,
                Some(b'\n') => {
                    self.has_ended = self.has_begun && self.line_is_empty;
                    self.line_is_empty = true;
                }
                Some(b'\r') => {}
                Some(_) => {
                    self.has_begun = true;
                    self.line_is_empty = false;
                }
            }
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
                scan.count_behind_head(first) + scan.count_behind_head(second),
                b"body\r\n\r\n".len(),
                "cut at {cut}"
            );
        }
        assert_eq!(
            HeadScan::default().count_behind_head(b"GET / HTTP/1.0\n\nx"),
            1
        );
        assert_eq!(
            HeadScan::default().count_behind_head(b"GET / HTTP/1.0\r\nHost: x\r\n"),
            0
        );
    }
}
