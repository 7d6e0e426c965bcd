//! The row about the whole file: the life that it is in, and how the last run ended.

use rusqlite::{Connection, OptionalExtension, params};

use crate::protocol::timestamp::Moment;
use crate::store::file::options::Durability;

/// The row of the table `meta`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    /// A number that grows when entries may have been lost.
    pub(super) life: u64,
    /// Whether the last run ended in order.
    pub(super) is_clean: bool,
    /// Whether the file is a backup from which no server has started yet.
    pub(super) is_copy: bool,
    /// The durability that the last run asked for.
    pub(super) durability: Durability,
    /// The time at which something was last written.
    pub(super) at: Moment,
}

/// Reads the row; `None` in a new file.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Option<Meta>> {
    connection
        .query_row(
            "SELECT life, is_clean, is_copy, durability, at, at_uptime FROM meta",
            [],
            |row| {
                let durability: String = row.get(3)?;
                let (at, at_uptime): (i64, i64) = (row.get(4)?, row.get(5)?);
                Ok(Meta {
                    life: row.get::<_, i64>(0)?.cast_unsigned(),
                    is_clean: row.get(1)?,
                    is_copy: row.get(2)?,
                    durability: Durability::from_name(&durability).unwrap_or_default(),
                    at: Moment::from_clocks(at.cast_unsigned(), at_uptime.cast_unsigned()),
                })
            },
        )
        .optional()
}

/// Writes the row.
pub(super) fn write(connection: &Connection, meta: &Meta) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO meta
             (id, life, is_clean, is_copy, durability, at, at_uptime)
             VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            meta.life.cast_signed(),
            meta.is_clean,
            meta.is_copy,
            meta.durability.as_str(),
            meta.at.micros().cast_signed(),
            meta.at.uptime_micros().cast_signed(),
        ])?;
    Ok(())
}

/// Begins a run: until it ends in order, the file says that it did not. Returns the row as it was
/// before, and as it is now.
///
/// A life ends with a stop that was not in order. Several servers may start from the same backup,
/// one after the other, and give the same offsets to different entries. So a random number is
/// added to the life of a backup.
pub(super) fn begin_run(
    connection: &Connection,
    durability: Durability,
) -> rusqlite::Result<(Option<Meta>, Meta)> {
    let transaction = connection.unchecked_transaction()?;
    let before = read(&transaction)?;
    let life = match before {
        None => 1,
        Some(before) if before.is_clean => before.life,
        Some(before) if before.is_copy => before.life + 1 + u64::from(random()),
        Some(before) => before.life + 1,
    };
    if let Some(before) = before {
        Moment::continue_from(before.at.uptime_micros());
    }
    let now = Meta {
        life,
        is_clean: false,
        is_copy: false,
        durability,
        at: Moment::now(),
    };
    write(&transaction, &now)?;
    transaction.commit()?;
    Ok((before, now))
}

fn random() -> u32 {
    let (number, ..) = uuid::Uuid::new_v4().as_fields().to_owned();
    number
}
