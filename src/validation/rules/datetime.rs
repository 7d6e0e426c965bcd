//! Dates and times, as the original server reads them.

use channelstream_actors::protocol::timestamp::Timestamp;
use serde_json::value::RawValue;
use time::{Date, Month, PrimitiveDateTime, Time, UtcOffset};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::error_name::ErrorName;
use crate::validation::errors::Errors;
use crate::validation::rule::{Rule, make_rule, text};

/// The form of the texts that [`parse`] reads, for the description. The pattern also matches days
/// and times that do not exist, which [`parse`] refuses.
const PATTERN: &str = concat!(
    r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}",
    r"[T ]",
    r"[0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\.[0-9]{1,12})?)?",
    r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)?$",
);

/// Reads a date and time: `YYYY-MM-DD`, `T` or a blank, `hh:mm[:ss[.fraction]]`, then nothing, `Z`,
/// or `±hh[[:]mm]`.
pub fn datetime() -> impl Rule<Timestamp> {
    make_rule(
        |value: &RawValue| {
            let text = text(value).ok();
            text.and_then(|text| parse(&text))
                .ok_or_else(|| Errors::message(ErrorName::NotADatetime, "Not a valid datetime."))
        },
        |_| {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .pattern(Some(PATTERN))
                .into()
        },
    )
}

fn parse(text: &str) -> Option<Timestamp> {
    let mut rest = text;
    let year = digits(&mut rest, 4, 4)?;
    let month = digits_after(&mut rest, "-", 1, 2)?;
    let day = digits_after(&mut rest, "-", 1, 2)?;
    rest = rest.strip_prefix(['T', ' '])?;
    let hour = digits(&mut rest, 1, 2)?;
    let minute = digits_after(&mut rest, ":", 1, 2)?;
    let (mut second, mut micros) = (0, 0);
    if rest.starts_with(':') {
        second = digits_after(&mut rest, ":", 1, 2)?;
        if let Some(fraction) = rest.strip_prefix('.') {
            let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
            let digits = fraction
                .get(..length)
                .filter(|digits| (1..=12).contains(&digits.len()))?;
            micros = format!("{digits:0<6}").get(..6)?.parse().ok()?;
            rest = fraction.get(length..)?;
        }
    }
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(
        i32::try_from(year).ok().filter(|year| *year > 0)?,
        month,
        u8::try_from(day).ok()?,
    )
    .ok()?;
    let byte = |number: u32| u8::try_from(number).ok();
    let time = Time::from_hms_micro(byte(hour)?, byte(minute)?, byte(second)?, micros).ok()?;
    let offset = if rest.is_empty() {
        None
    } else {
        Some(offset(rest)?)
    };
    Some(Timestamp::new(PrimitiveDateTime::new(date, time), offset))
}

fn offset(text: &str) -> Option<UtcOffset> {
    if text == "Z" {
        return Some(UtcOffset::UTC);
    }
    let sign: i8 = if text.starts_with('-') { -1 } else { 1 };
    let mut rest = text.strip_prefix(['+', '-'])?;
    let hours = i8::try_from(digits(&mut rest, 2, 2)?).ok()?;
    rest = rest
        .strip_prefix(':')
        .filter(|rest| !rest.is_empty())
        .unwrap_or(rest);
    let minutes = if rest.is_empty() {
        0
    } else {
        i8::try_from(digits(&mut rest, 2, 2)?).ok()?
    };
    if !rest.is_empty() || hours > 23 {
        return None;
    }
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()
}

fn digits_after(rest: &mut &str, separator: &str, least: usize, most: usize) -> Option<u32> {
    *rest = rest.strip_prefix(separator)?;
    digits(rest, least, most)
}

/// Takes `least` to `most` digits off the front of `rest`.
fn digits(rest: &mut &str, least: usize, most: usize) -> Option<u32> {
    let length = rest
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    let (digits, after) = rest
        .split_at_checked(length)
        .filter(|(digits, _)| digits.len() >= least)?;
    *rest = after;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datetimes_print_as_given() {
        let read = |text: &str| parse(text).map(|timestamp| timestamp.to_string());
        for (text, printed) in [
            ("2010-02-03T04:05:06", "2010-02-03T04:05:06"),
            ("2010-2-3 4:5", "2010-02-03T04:05:00"),
            ("2010-02-03T04:05:06.1234567", "2010-02-03T04:05:06.123456"),
            ("2010-02-03T04:05:06Z", "2010-02-03T04:05:06+00:00"),
            ("2010-02-03T04:05:06+02:00", "2010-02-03T04:05:06+02:00"),
            ("2010-02-03T04:05:06-0330", "2010-02-03T04:05:06-03:30"),
            ("2010-02-03T04:05+02", "2010-02-03T04:05:00+02:00"),
        ] {
            assert_eq!(read(text).as_deref(), Some(printed), "{text}");
        }
        for text in [
            "2010-02-03",
            "2010-02-30T00:00",
            "2010-02-03T24:00",
            "2010-02-03T04:05:06.",
            "2010-02-03T04:05:06x",
            "0000-01-01T00:00",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
