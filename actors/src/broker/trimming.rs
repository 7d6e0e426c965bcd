//! Trims logs and histories when the memory is full: the largest ones lose their oldest entries
//! until there is room for messages again.

use std::time::Duration;

use actix::prelude::*;
use futures_util::future::join_all;
use tokio::time::sleep;

use crate::broker::Broker;
use crate::directories::{Directories, SLICE};
use crate::directory::{Forwarded, IfAbsent, Registered};
use crate::posting::{GetTrimmable, TrimTo};

/// The interval between two checks whether the memory is full. Calls are refused from the moment it
/// is full.
const INTERVAL: Duration = Duration::from_millis(100);

impl Broker {
    /// Trims whenever the memory is full, as long as the server runs.
    pub(super) async fn trim_when_full(&self) {
        let memory = self.common.memory();
        if memory.limit().is_none() {
            return;
        }
        loop {
            sleep(INTERVAL).await;
            if memory.is_full() {
                self.trim().await;
                memory.count_trim();
            }
        }
    }

    /// Trims the largest logs and histories to one common size, so that there is room again.
    async fn trim(&self) {
        let before = self.common.memory().counted();
        let channels = sizes(&self.channels).await;
        let users = sizes(&self.users).await;
        let all = channels.iter().map(|(_, size)| *size);
        let all = all.chain(users.iter().map(|(_, size)| *size)).collect();
        let most = common_size(all, self.common.memory().excess());
        trim_to(&self.channels, channels, most).await;
        trim_to(&self.users, users, most).await;
        log::warn!(
            "the memory was full (memory_limit): logs and histories were trimmed to {most} bytes \
             for each channel and user; {before} bytes were counted before, and {} bytes now",
            self.common.memory().counted()
        );
    }
}

/// Returns the names of all actors of one kind that can be trimmed, and the number of bytes that
/// each of them can free.
async fn sizes<A>(directories: &Directories<A>) -> Vec<(A::Name, usize)>
where
    A: Registered + Handler<Forwarded<GetTrimmable>>,
{
    let names = directories.names().await;
    let mut sizes = Vec::new();
    for slice in names.chunks(SLICE) {
        let ask = |name: &A::Name| directories.ask(name.clone(), IfAbsent::Skip, GetTrimmable);
        let answers = join_all(slice.iter().map(ask)).await;
        let with_names = slice.iter().zip(answers);
        sizes.extend(with_names.filter_map(|(name, size)| Some((name.clone(), size?))));
    }
    sizes.retain(|(_, size)| *size > 0);
    sizes
}

async fn trim_to<A>(directories: &Directories<A>, sizes: Vec<(A::Name, usize)>, most: usize)
where
    A: Registered + Handler<Forwarded<TrimTo>>,
{
    let too_large = sizes.into_iter().filter(|(_, size)| *size > most);
    let names: Vec<_> = too_large.map(|(name, _)| name).collect();
    for slice in names.chunks(SLICE) {
        directories
            .ask_all(slice, || TrimTo(most))
            .await
            .for_each(drop);
    }
}

/// Returns the size to which all larger sizes are cut, so that they lose `excess` bytes together.
fn common_size(mut sizes: Vec<usize>, excess: usize) -> usize {
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let mut above = 0_usize;
    for (count, size) in sizes.iter().enumerate() {
        // The difference is the number of bytes that all larger sizes would lose if they were cut
        // to this size.
        if above - count * size >= excess {
            return (above - excess) / count.max(1);
        }
        above += size;
    }
    above.saturating_sub(excess) / sizes.len().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_are_cut_to_one_size() {
        let cut = |sizes: &[usize], excess| {
            let most = common_size(sizes.to_vec(), excess);
            let lost: usize = sizes.iter().map(|size| size.saturating_sub(most)).sum();
            (most, lost)
        };
        assert_eq!(cut(&[10, 50, 100], 50), (50, 50));
        assert_eq!(cut(&[10, 50, 100], 60), (45, 60));
        assert_eq!(cut(&[100, 100], 20), (90, 20));
        assert_eq!(cut(&[10, 20], 30), (0, 30));
        assert_eq!(cut(&[10, 20], 100), (0, 30));
        assert_eq!(common_size(Vec::new(), 5), 0);
        let (_, lost) = cut(&[7, 3, 3, 3], 5);
        assert!((5..=8).contains(&lost), "{lost}");
    }
}
