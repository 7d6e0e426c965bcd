//! Moments of this server, and timestamps as the protocol prints them (`protocol.md` §1).

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A point in time on both clocks of the server: the wall clock, which is printed and may be set,
/// and the monotonic clock, which measures durations.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Moment {
    /// The time of the wall clock, in microseconds since 1970, UTC.
    wall: u64,
    /// The time for which the server has run, in microseconds. It begins when this process first
    /// asks for the time, and includes the uptime of earlier processes that this process continues.
    uptime: u64,
}

/// The time for which the server ran in earlier processes, in microseconds.
static FORMER_UPTIME: AtomicU64 = AtomicU64::new(0);

/// Returns the time since this process first asked for the time, in microseconds.
fn process_uptime() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    micros(START.get_or_init(Instant::now).elapsed())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Moment {
    /// Reads both clocks.
    pub fn now() -> Self {
        Self {
            wall: micros(
                SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default(),
            ),
            uptime: process_uptime() + FORMER_UPTIME.load(Relaxed),
        }
    }

    /// Continues the uptime of an earlier process, in microseconds. From now on the uptime of this
    /// process is at least as large. Lifetimes that began in the earlier process then go on,
    /// whatever the wall clock says.
    pub fn continue_from(uptime: u64) {
        FORMER_UPTIME.fetch_max(uptime.saturating_sub(process_uptime()), Relaxed);
    }

    /// Creates the moment at which both clocks show this many microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self {
            wall: micros,
            uptime: micros,
        }
    }

    /// Creates the moment at which the wall clock and the uptime show these numbers of
    /// microseconds.
    pub const fn from_clocks(wall: u64, uptime: u64) -> Self {
        Self { wall, uptime }
    }

    /// Returns the time for which the server had run, in microseconds.
    pub const fn uptime_micros(self) -> u64 {
        self.uptime
    }

    /// Returns the time of the wall clock, in microseconds since 1970.
    pub const fn micros(self) -> u64 {
        self.wall
    }

    /// Returns the moment that is this much later.
    #[must_use]
    pub fn plus(self, later: Duration) -> Self {
        let later = u64::try_from(later.as_micros()).unwrap_or(u64::MAX);
        Self {
            wall: self.wall.saturating_add(later),
            uptime: self.uptime.saturating_add(later),
        }
    }

    /// Returns the moment that is this much earlier.
    #[must_use]
    pub fn minus(self, ago: Duration) -> Self {
        let ago = u64::try_from(ago.as_micros()).unwrap_or(u64::MAX);
        Self {
            wall: self.wall.saturating_sub(ago),
            uptime: self.uptime.saturating_sub(ago),
        }
    }

    /// Returns the time that has passed since `earlier`, also if the wall clock was set meanwhile;
    /// zero if `earlier` is later than this moment.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.uptime.saturating_sub(earlier.uptime))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Timestamp::from(*self).serialize(serializer)
    }
}

/// The length of a timestamp with a fraction and an offset.
const LONGEST: usize = "2026-01-31T12:00:00.123456+02:00".len();

/// The length of a timestamp without a fraction and without an offset.
const WITHOUT_FRACTION: usize = "2026-01-31T12:00:00".len();

/// A date and time that a caller gave or the server made. Without an offset it is in UTC. It is
/// printed as Python's `isoformat` does: `2026-01-31T12:00:00.123456`, without the fraction if that
/// is zero, and with an offset (`+02:00`) if one was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timestamp {
    local: PrimitiveDateTime,
    offset: Option<UtcOffset>,
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        let description = "A date and time in ISO 8601, in UTC and without a zone. \
            A time that a caller gave keeps its offset.";
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(description));
        schema.examples(["2026-01-31T12:00:00.123456"]).into()
    }
}

impl ToSchema for Timestamp {}

impl Timestamp {
    /// Creates a timestamp from a local time and, if the caller gave one, its offset.
    pub fn new(local: PrimitiveDateTime, offset: Option<UtcOffset>) -> Self {
        Self { local, offset }
    }

    /// Reads a timestamp in the form in which it is printed; `None` if the text is not one.
    pub fn from_text(text: &str) -> Option<Self> {
        let number = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
        let small = |from: usize, to: usize| u8::try_from(number(from, to)?).ok();
        let month = Month::try_from(small(5, 7)?).ok()?;
        let year = i32::try_from(number(0, 4)?).ok()?;
        let date = Date::from_calendar_date(year, month, small(8, 10)?).ok()?;
        let mut rest = text.get(WITHOUT_FRACTION..)?;
        let mut micros = 0;
        if rest.starts_with('.') {
            micros = rest.get(1..7)?.parse().ok()?;
            rest = rest.get(7..)?;
        }
        let time = Time::from_hms_micro(small(11, 13)?, small(14, 16)?, small(17, 19)?, micros);
        let offset = if rest.is_empty() {
            None
        } else {
            let sign = if rest.starts_with('-') { -1 } else { 1 };
            let part = |from: usize, to: usize| rest.get(from..to)?.parse::<i8>().ok();
            Some(UtcOffset::from_hms(sign * part(1, 3)?, sign * part(4, 6)?, 0).ok()?)
        };
        Some(Self::new(PrimitiveDateTime::new(date, time.ok()?), offset))
    }
}

impl From<Moment> for Timestamp {
    fn from(moment: Moment) -> Self {
        let utc = OffsetDateTime::from_unix_timestamp_nanos(i128::from(moment.wall) * 1000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Self {
            local: PrimitiveDateTime::new(utc.date(), utc.time()),
            offset: None,
        }
    }
}

impl Timestamp {
    /// Returns the timestamp as text. Every message and event has one, so the digits are put
    /// together without the cost of `fmt`.
    fn text(&self) -> String {
        let (date, time) = (self.local.date(), self.local.time());
        let mut text = String::with_capacity(LONGEST);
        push_digits(&mut text, date.year().unsigned_abs(), 1000);
        for (mark, part) in [
            ('-', u8::from(date.month())),
            ('-', date.day()),
            ('T', time.hour()),
            (':', time.minute()),
            (':', time.second()),
        ] {
            text.push(mark);
            push_digits(&mut text, part.into(), 10);
        }
        if time.microsecond() != 0 {
            text.push('.');
            push_digits(&mut text, time.microsecond(), 100_000);
        }
        if let Some(offset) = self.offset {
            let minutes = u32::from(offset.whole_minutes().unsigned_abs());
            text.push(if offset.is_negative() { '-' } else { '+' });
            push_digits(&mut text, minutes / 60, 10);
            text.push(':');
            push_digits(&mut text, minutes % 60, 10);
        }
        text
    }
}

/// Appends the decimal digits of a number, beginning with the digit whose place value is `unit`.
fn push_digits(text: &mut String, number: u32, mut unit: u32) {
    while unit > 0 {
        text.extend(char::from_digit(number / unit % 10, 10));
        unit /= 10;
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_the_clock_changes_no_duration() {
        let day = 86_400_000_000;
        let before = Moment {
            wall: 5 * day,
            uptime: 10,
        };
        for wall in [0, 9 * day] {
            assert_eq!(
                Moment { wall, uptime: 17 }.since(before),
                Duration::from_micros(7)
            );
        }
    }

    #[test]
    fn the_uptime_continues_from_an_earlier_one() {
        let far = Moment::now().uptime_micros() + 3_600_000_000;
        Moment::continue_from(far);
        Moment::continue_from(17);
        let now = Moment::now().uptime_micros();
        assert!((far..far + 60_000_000).contains(&now), "{now}");
    }

    #[test]
    fn a_printed_timestamp_is_parsed_again() {
        for text in [
            "1970-01-01T00:00:01",
            "2026-11-27T12:34:56.000001",
            "0001-01-01T00:00:00+00:00",
            "9999-12-31T23:59:59.999999-03:30",
            "2024-02-29T00:00:00-00:15",
        ] {
            let read = Timestamp::from_text(text).unwrap();
            assert_eq!(read.to_string(), text);
        }
        for text in [
            "",
            "2026",
            "2026-13-01T00:00:00",
            "2026-01-31T12:00:00.12",
            "é",
        ] {
            assert_eq!(Timestamp::from_text(text), None, "{text}");
        }
    }

    #[test]
    fn timestamps_are_printed_as_in_python() {
        assert_eq!(
            Timestamp::from(Moment::from_micros(1_000_000)).to_string(),
            "1970-01-01T00:00:01"
        );
        assert_eq!(
            Timestamp::from(Moment::from_micros(1_500_000)).to_string(),
            "1970-01-01T00:00:01.500000"
        );
        let local = Timestamp::from(Moment::from_micros(0)).local;
        let offset = UtcOffset::from_hms(-3, -30, 0).unwrap();
        assert_eq!(
            Timestamp::new(local, Some(offset)).to_string(),
            "1970-01-01T00:00:00-03:30"
        );
    }
}
