//! Counts the frames that the client of a websocket sends in a second.

use std::time::{Duration, Instant};

use channelstream_actors::counters::Counters;
use channelstream_actors::limits::LimitKind;

/// The length of the window in which frames are counted.
const WINDOW: Duration = Duration::from_secs(1);

/// The count of the frames of one client. The clock is read only when the count exceeds the limit,
/// so a client that sends little costs one addition per frame.
pub(super) struct FrameRate {
    /// The most frames of a window. `None` for no limit.
    most: Option<usize>,
    count: usize,
    /// The time at which the current window began.
    begun_at: Instant,
}

impl FrameRate {
    /// Creates a count that allows `most` frames per second. 0 stands for no limit.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most: (most > 0).then_some(most),
            count: 0,
            begun_at: Instant::now(),
        }
    }

    /// Counts a frame. Returns whether it is refused because the limit is exceeded, and counts the
    /// refusal.
    pub(super) fn refuses_next(&mut self, counters: &Counters) -> bool {
        let is_exceeded = self.is_exceeded_by_next();
        if is_exceeded {
            counters.count_limit_refusal(LimitKind::FramesPerSecond);
        }
        is_exceeded
    }

    fn is_exceeded_by_next(&mut self) -> bool {
        let Some(most) = self.most else { return false };
        self.count += 1;
        if self.count <= most {
            return false;
        }
        let now = Instant::now();
        self.is_exceeded_at(now)
    }

    /// Returns whether the window still runs at `now`, so that a count above the limit exceeds it.
    /// If the window is over, begins a new one with this frame.
    fn is_exceeded_at(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.begun_at) < WINDOW {
            return true;
        }
        self.begun_at = now;
        self.count = 1;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_over_the_limit_is_reported_unless_a_second_has_passed() {
        let mut rate = FrameRate::new(3);
        let within: Vec<_> = (0..4).map(|_| rate.is_exceeded_by_next()).collect();
        assert_eq!(within, [false, false, false, true]);
        assert!(!rate.is_exceeded_at(rate.begun_at + WINDOW));
        let next: Vec<_> = (0..3).map(|_| rate.is_exceeded_by_next()).collect();
        assert_eq!(next, [false, false, true]);
    }

    #[test]
    fn zero_allows_any_number() {
        let mut rate = FrameRate::new(0);
        assert!((0..10_000).all(|_| !rate.is_exceeded_by_next()));
    }
}
