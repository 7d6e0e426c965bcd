//! Counts of the events that the sequences are meant to produce. Each must have happened.

use std::fmt;
use std::ops::AddAssign;

use channelstream_actors::error::CloseReason;

use crate::operation::Operation;
use crate::transport::Ended;

/// The counts of one kind of sequence.
pub(crate) trait Counted: fmt::Display + Default + AddAssign {
    /// Returns the names of the counts that are 0.
    fn missing(&self) -> Vec<&'static str>;
}

/// Declares counts, and adds all of them in `AddAssign`.
macro_rules! counts {
    ($all:ident: $($(#[$doc:meta])* $name:ident),* $(,)?) => {
        #[derive(Clone, Debug, Default)]
        pub(crate) struct $all {
            $($(#[$doc])* pub(crate) $name: usize,)*
        }

        impl std::ops::AddAssign for $all {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)*
            }
        }

        impl std::fmt::Display for $all {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $(writeln!(f, "{:>9} {}", self.$name, stringify!($name).replace('_', " "))?;)*
                Ok(())
            }
        }

        impl $crate::counts::Counted for $all {
            fn missing(&self) -> Vec<&'static str> {
                let mut missing = Vec::new();
                $(if self.$name == 0 { missing.push(stringify!($name)); })*
                missing
            }
        }
    };
}

pub(crate) use counts;

counts! {
    Counts:
    steps,
    restarts,
    crashes,
    /// Crashes that lost steps.
    losing_crashes,
    lost_steps,
    /// Crashes of a store that answers a call only when its change is on the disk.
    durable_crashes,
    cut_off_calls,
    /// Calls with a key that was used before.
    repeated_calls,
    other_bodies,
    ids_in_use,
    unknown,
    transports,
    takeovers,
    lost_transports,
    too_slow,
    events,
    /// Events that are marked as caught up.
    catch_ups,
    /// Events that a client was sent again.
    repeats,
    gaps,
    /// Gaps that clients were sent because a process had died.
    owed_gaps,
    gaps_read,
    /// Clients that knew entries beyond those that were kept.
    known_lost,
    /// Batches of entries whose offsets their clients knew from lost entries.
    offsets_again,
}

impl Counts {
    /// Counts what an answer reports.
    pub(crate) fn answer(&mut self, operation: &Operation, answer: &str) {
        self.steps += 1;
        self.ids_in_use += usize::from(answer.contains("InUse"));
        self.unknown += usize::from(answer.contains("Unknown"));
        self.other_bodies += usize::from(answer.contains("OtherBody"));
        self.transports +=
            usize::from(matches!(operation, Operation::Attach { .. }) && answer.contains("Ok"));
    }

    /// Counts the end of a transport.
    pub(crate) fn end(&mut self, ended: &Ended) {
        self.lost_transports += usize::from(ended.is_lost);
        self.takeovers += usize::from(ended.reason == Some(CloseReason::Replaced));
        self.too_slow += usize::from(ended.reason == Some(CloseReason::TooSlow));
    }
}
