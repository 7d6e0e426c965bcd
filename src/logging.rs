//! The log. Lines wait in a bounded queue until a separate thread writes them to standard error. So
//! threads that serve never wait for a slow reader of the log. If the queue is full, lines are
//! dropped and counted.

mod accept_errors;
mod fields;
mod json;
pub mod panics;
pub mod refusals;

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel,
};
use std::thread;
use std::time::{Duration, Instant};

use env_logger::{Target, WriteStyle};
use log::{Level, LevelFilter, Log, Metadata, Record};

use self::fields::WithRequest;
use crate::settings::{LogFormat, Settings};

/// The largest number of lines that wait to be written.
const QUEUE_LENGTH: usize = 1024;

/// The largest size, in bytes, of a line for people. Longer lines are cut. JSON lines are shortened
/// before they are encoded.
const LONGEST_LINE: usize = 4096;

/// The longest time that the end of the process waits for unwritten lines.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The number of lines that were dropped since the log last reported a number.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// An item in the queue of the thread that writes.
enum QueueEntry {
    Line(Vec<u8>),
    /// A request for a reply once all lines before it are written.
    Flush(SyncSender<()>),
}

/// A running log. When it is dropped, all waiting lines are written.
#[must_use]
pub struct Logging(());

impl Drop for Logging {
    fn drop(&mut self) {
        flush();
    }
}

/// Starts the log. The returned value writes all waiting lines when it is dropped.
pub fn start(settings: &Settings) -> Logging {
    let (queue, entries) = sync_channel(QUEUE_LENGTH);
    let level = if settings.debug {
        LevelFilter::Debug
    } else {
        settings.log_level.filter()
    };
    let mut builder = env_logger::Builder::new();
    builder
        .filter_level(LevelFilter::Warn)
        .filter_module("channelstream", level)
        .write_style(choose_style())
        .parse_default_env();
    let longest = match settings.log_format {
        LogFormat::Text => {
            builder.format_key_values(fields::write_text);
            LONGEST_LINE
        }
        LogFormat::Json => {
            builder.format(json::write).write_style(WriteStyle::Never);
            json::LONGEST_LINE
        }
    };
    let lines = LineWriter {
        queue: queue.clone(),
        longest,
    };
    let logger = builder.target(Target::Pipe(Box::new(lines))).build();
    log::set_max_level(logger.filter());
    let logger = Logger { logger, queue };
    let is_first = log::set_boxed_logger(Box::new(logger)).is_ok();
    if is_first
        && let Err(error) = thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_lines(&entries))
    {
        eprintln!("channelstream: the log cannot start, so nothing is logged: {error}");
    }
    panics::log();
    Logging(())
}

/// Waits until all lines are written, but at most one second if nobody reads them.
pub fn flush() {
    refusals::log_sums(Instant::now() + refusals::INTERVAL);
    report_dropped();
    log::logger().flush();
}

/// Chooses colours if standard error is a terminal and `NO_COLOR` is not set.
fn choose_style() -> WriteStyle {
    let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if std::io::stderr().is_terminal() && !is_unwanted {
        WriteStyle::Always
    } else {
        WriteStyle::Never
    }
}

/// Formats lines and puts them into the queue.
struct Logger {
    logger: env_logger::Logger,
    queue: SyncSender<QueueEntry>,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.logger.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if accept_errors::replace_line(record) {
            return;
        }
        let level = match record.level() {
            Level::Error if is_about_a_client(record.target()) => Level::Debug,
            level => level,
        };
        let metadata = Metadata::builder()
            .level(level)
            .target(record.target())
            .build();
        if !self.logger.enabled(&metadata) {
            return;
        }
        let fields = WithRequest::current(record.key_values());
        let mut line = record.to_builder();
        line.metadata(metadata).key_values(&fields);
        self.logger.log(&line.build());
    }

    fn flush(&self) {
        let deadline = Instant::now() + FLUSH_TIMEOUT;
        let (written, is_written) = sync_channel(1);
        let mut entry = QueueEntry::Flush(written);
        while let Err(TrySendError::Full(again)) = self.queue.try_send(entry) {
            if Instant::now() >= deadline {
                return;
            }
            entry = again;
            thread::sleep(Duration::from_millis(5));
        }
        // An error means that the lines were not written in time, since nobody reads the log.
        let _ = is_written.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

/// Returns whether a line of actix-http is about input from a client.
///
/// actix-http logs such input as an error, for example a request that is not HTTP. Any stranger can
/// send it, while an error in this log means that someone must act.
fn is_about_a_client(target: &str) -> bool {
    target.starts_with("actix_http")
}

/// Puts formatted lines into the queue.
struct LineWriter {
    queue: SyncSender<QueueEntry>,
    /// The largest number of bytes of a line; the rest is cut.
    longest: usize,
}

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let mut kept = line.get(..self.longest).unwrap_or(line).to_vec();
        if kept.len() < line.len() {
            kept.extend_from_slice("…\n".as_bytes());
        }
        if self.queue.try_send(QueueEntry::Line(kept)).is_err() {
            DROPPED.fetch_add(1, Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Writes the lines of the queue, on a thread of its own.
fn write_lines(entries: &Receiver<QueueEntry>) {
    let mut works = true;
    loop {
        let entry = match entries.try_recv() {
            Err(TryRecvError::Empty) => {
                // The queue is empty, so there is room for a line about dropped lines.
                if works {
                    report_dropped();
                }
                refusals::log_sums(Instant::now());
                match refusals::next_due() {
                    Some(next) => {
                        entries.recv_timeout(next.saturating_duration_since(Instant::now()))
                    }
                    None => entries.recv().map_err(|_| RecvTimeoutError::Disconnected),
                }
            }
            Ok(entry) => Ok(entry),
            Err(TryRecvError::Disconnected) => return,
        };
        match entry {
            Ok(QueueEntry::Line(line)) => {
                works = std::io::stderr().write_all(&line).is_ok();
                DROPPED.fetch_add(u64::from(!works), Relaxed);
            }
            // The thread that asked may no longer wait.
            Ok(QueueEntry::Flush(written)) => drop(written.send(())),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn report_dropped() {
    let dropped = DROPPED.swap(0, Relaxed);
    if dropped > 0 {
        log::warn!("{dropped} lines of this log were dropped, since nobody read them in time");
    }
}
