//! Measures the CPU time of the store, and the duration of a start. Run the measurements with
//! `cargo test --release -p channelstream-actors --test file_store -- --ignored --nocapture speed`.

use std::path::Path;
use std::time::{Duration, Instant};

use channelstream_actors::core::record::LogChanges;
use channelstream_actors::name::{ChannelName, ConnId};
use channelstream_actors::store::Store;
use channelstream_actors::store::file::FileOptions;
use channelstream_actors::store::note::Note;

use crate::support::{appended, channel, connection, entry, flushed, message, open, user};

/// Returns the CPU time that all threads with this name have used in this process.
fn cpu_of(name: &str) -> Duration {
    let threads = Path::new("/proc/self/task").read_dir().unwrap();
    let of_name = threads.filter_map(|thread| {
        let folder = thread.ok()?.path();
        let text = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
        let times =
            text("schedstat").filter(|_| text("comm").is_some_and(|it| it.trim() == name))?;
        times.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(of_name.sum())
}

fn micros_for_each(duration: Duration, count: u64) -> f64 {
    duration.as_secs_f64() * 1e6 / count as f64
}

/// Notes entries of about 400 bytes one by one at a given rate, to each of the channels in turn.
/// Each channel's log keeps `log_length` entries.
async fn burst(store: &Store, channels: u64, entries: u64, per_milli: u64, log_length: u64) {
    let names: Vec<String> = (0..channels).map(|number| format!("c{number}")).collect();
    let text = "x".repeat(330);
    let messages: Vec<_> = names
        .iter()
        .map(|name| message(Some(name), &text))
        .collect();
    let began = Instant::now();
    let mut noting = Duration::ZERO;
    for number in 0..entries {
        let index = usize::try_from(number % channels).unwrap();
        let offset = number / channels + 1;
        let record = channel(&names[index], offset.saturating_sub(log_length), offset);
        let changes = appended(vec![entry(offset, messages[index].clone())]);
        let before = Instant::now();
        store.note(|| Note::Channel(record, changes));
        noting += before.elapsed();
        if number % per_milli == per_milli - 1 {
            let due = Duration::from_millis(number / per_milli);
            tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
        }
    }
    flushed(store).await;
    println!(
        "{channels} channels, {entries} entries in {:.1} s: \
         noting {:.2} us each, writer {:.2} us of CPU each",
        began.elapsed().as_secs_f64(),
        micros_for_each(noting, entries),
        micros_for_each(cpu_of("store"), entries),
    );
}

#[tokio::test]
#[ignore = "a measurement"]
async fn speed_of_a_burst_to_one_channel() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(&FileOptions::new(folder.path().join("store.db")));
    burst(&store, 1, 500_000, 25, 16_384).await;
    println!("{:?}", store.status().unwrap());
}

#[tokio::test]
#[ignore = "a measurement"]
async fn speed_of_a_burst_to_many_channels() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(&FileOptions::new(folder.path().join("store.db")));
    burst(&store, 1000, 200_000, 10, 100).await;
    println!("{:?}", store.status().unwrap());
}

#[tokio::test]
#[ignore = "a measurement"]
async fn speed_of_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let options = FileOptions {
        queue_bytes: usize::MAX,
        ..FileOptions::new(folder.path().join("store.db"))
    };
    let (store, _) = open(&options);
    let text = "x".repeat(330);
    for number in 0..1000 {
        let name = format!("c{number}");
        for part in 0..4_u64 {
            let entries =
                (1..=250).map(|index| entry(part * 250 + index, message(Some(&name), &text)));
            let changes = appended(entries.collect());
            store.note(|| Note::Channel(channel(&name, 0, part * 250 + 250), changes));
        }
    }
    for number in 0..100_000 {
        let name = format!("user{number}");
        store.note(|| Note::User(user(&name, 0), LogChanges::default()));
        let mut record = connection(&name);
        record.channels[0].0 = ChannelName::new(format!("c{}", number % 1000));
        store.note(|| Note::Connection(ConnId::random(), record));
    }
    store.close().await;
    drop(store);
    let before = memory();
    let began = Instant::now();
    let (_store, kept) = open(&options);
    let took = began.elapsed();
    let entries: usize = kept.channels.iter().map(|(_, entries)| entries.len()).sum();
    let size = std::fs::metadata(&options.path).unwrap().len() >> 20;
    println!(
        "{entries} entries, {} users, {} connections in a file of {size} MiB: \
         read in {:.2} s, {} MiB more memory (peak of the process: {} MiB)",
        kept.users.len(),
        kept.connections.len(),
        took.as_secs_f64(),
        memory() - before,
        status("VmHWM") / 1024,
    );
}

/// Returns a value of `/proc/self/status`, in KiB.
fn status(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

/// Returns the memory of this process, in MiB.
fn memory() -> u64 {
    status("VmRSS") / 1024
}
