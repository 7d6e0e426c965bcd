//! The server reports its state to systemd, and the unit in `docs/deploy` allows it to.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::support::folder::Folder;
use crate::support::scale::program;
use crate::support::server::{Server, settings_file};
use crate::support::signing::now;

/// A service manager, with the socket to which the server writes.
struct ServiceManager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl ServiceManager {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("{}.notify", uuid::Uuid::new_v4()));
        let socket = UnixDatagram::bind(&path).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        Self { socket, path }
    }

    fn start_server(&self, flags: &[(&str, &str)], variables: &[(&str, &str)]) -> Server {
        let path = self.path.to_str().unwrap();
        Server::start_with(flags, &[variables, &[("NOTIFY_SOCKET", path)]].concat())
    }

    /// Returns the next message, or `None` if none arrives soon.
    fn read(&self) -> Option<Vec<String>> {
        let mut bytes = [0; 4096];
        match self.socket.recv(&mut bytes) {
            Ok(length) => {
                let text = String::from_utf8(bytes[..length].to_vec()).unwrap();
                Some(text.lines().map(str::to_owned).collect::<Vec<_>>())
            }
            // A signal, such as the end of another test's child, may interrupt the wait.
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Reads until a message has this line, and returns that message.
    fn wait_for(&self, line: &str) -> Vec<String> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            match self.read() {
                Some(message) if message.iter().any(|it| it == line) => return message,
                _ => {}
            }
        }
        panic!("the service manager was never told {line:?}");
    }
}

impl Drop for ServiceManager {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Returns the time since the machine started, in microseconds, as systemd compares it. Other
/// clocks of the machine may have stood still meanwhile, so this value only shows that another one
/// is plausible.
fn uptime() -> f64 {
    let text = std::fs::read_to_string("/proc/uptime").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e6
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_manager_is_told_of_start_reload_and_stop() {
    let manager = ServiceManager::new();
    let text = |size: u32| format!("message_limit = {size}\n");
    let settings = settings_file("notify.toml", &text(1000));
    let mut server = manager.start_server(&[("config", &settings)], &[]);
    let ready = manager.wait_for("READY=1");
    assert!(ready.contains(&"STATUS=Serving.".to_owned()), "{ready:?}");

    for limit in ["2000", "a word"] {
        // The second file is refused. The server continues with its former settings, and is ready
        // again.
        std::fs::write(&settings, format!("message_limit = {limit}\n")).unwrap();
        let before = uptime();
        server.hang_up();
        let reloading = manager.wait_for("RELOADING=1");
        let found = reloading
            .iter()
            .find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
        let time: f64 = found.unwrap().parse().unwrap();
        // `/proc/uptime` counts in hundredths of a second.
        assert!(time > before - 20_000.0, "{time} before {before}");
        assert!(time < uptime() + 20_000.0, "{time}");
        manager.wait_for("READY=1");
    }

    server.begin_stop();
    manager.wait_for("STOPPING=1");
    manager.wait_for("STATUS=Stopping: closing all clients.");
    assert!(server.end().await.success());
    assert_eq!(manager.read(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watchdog_is_notified_while_all_threads_answer() {
    let manager = ServiceManager::new();
    let _server = manager.start_server(&[], &[("WATCHDOG_USEC", "200000")]);
    manager.wait_for("READY=1");
    for _ in 0..5 {
        manager.wait_for("WATCHDOG=1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watchdog_of_another_process_is_not_notified() {
    let manager = ServiceManager::new();
    // The variables are meant for another process.
    let mut server = manager.start_server(&[], &[("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")]);
    manager.wait_for("READY=1");
    server.begin_stop();
    manager.wait_for("STOPPING=1");
    assert!(server.end().await.success());
    while let Some(message) = manager.read() {
        assert!(!message.contains(&"WATCHDOG=1".to_owned()), "{message:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_manager_that_does_not_read_blocks_nothing() {
    let manager = ServiceManager::new();
    // These are more messages than the socket and the server's own queue hold.
    let mut server = manager.start_server(&[], &[("WATCHDOG_USEC", "2000")]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/health", server.address);
    let begun = now();
    while now() < begun + 2 {
        let status = client.get(&url).send().await.unwrap().status();
        assert_eq!(status, 200);
    }
    server.begin_stop();
    assert!(server.end().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_manager_that_is_gone_is_named_in_the_log() {
    let server = Server::start_with(&[], &[("NOTIFY_SOCKET", "/nonexistent/notify")]);
    let warns = |line: &String| line.contains("cannot report to the service manager");
    if !server.start_log.iter().any(warns) {
        server.log_line("cannot report to the service manager");
    }
}

/// Writes the example for systemd to a file that can be checked here: with a program that exists,
/// and with a type that every version of systemd knows.
fn unit(folder: &Folder, change: impl Fn(String) -> String) -> String {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deploy");
    let text = std::fs::read_to_string(examples.join("channelstream.service")).unwrap();
    for part in ["/usr/local/bin/channelstream -c", "Type=notify-reload"] {
        assert!(text.contains(part), "{part}");
    }
    let program = program();
    let text = text
        .replace("/usr/local/bin/channelstream -c", &format!("{program} -c"))
        .replace("Type=notify-reload", "Type=notify");
    let path = folder.path("channelstream.service");
    std::fs::write(&path, change(text)).unwrap();
    let socket = "channelstream.socket";
    std::fs::copy(examples.join(socket), folder.path(socket)).unwrap();
    path
}

/// Runs `systemd-analyze` on units. Returns `None` if it is not installed.
fn analyze(arguments: &[&str]) -> Option<Output> {
    let output = Command::new("systemd-analyze").args(arguments).output();
    if output.is_err() {
        eprintln!("skipped: systemd-analyze is not installed (systemd)");
    }
    output.ok()
}

#[test]
fn systemd_finds_nothing_wrong_with_the_example_and_finds_a_mistake() {
    let folder = Folder::new();
    let check = |path: &str| {
        let output = analyze(&["verify", "--man=no", path])?;
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        // Units of the machine may have faults of their own.
        let ours = |line: &&str| line.contains("channelstream");
        Some(
            said.lines()
                .filter(ours)
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
    };
    let nothing: Vec<String> = Vec::new();
    let Some(said) = check(&unit(&folder, |text| text)) else {
        return;
    };
    assert_eq!(said, nothing);
    let mistake = |text: String| text.replace("NoNewPrivileges=", "NoNewPrivilege=");
    let Some(said) = check(&unit(&folder, mistake)) else {
        return;
    };
    assert!(said.concat().contains("NoNewPrivilege"), "{said:?}");
}

#[test]
fn systemd_finds_the_example_safe() {
    let folder = Folder::new();
    let is_safe = |path: &str| {
        // The threshold is ten times the exposure that the tool shows, which is 9.6 for a unit
        // without any of these settings.
        let arguments = ["security", "--offline=true", "--threshold=15", path];
        analyze(&arguments).map(|output| output.status.success())
    };
    assert_ne!(is_safe(&unit(&folder, |text| text)), Some(false));
    let unsafe_unit = |text: String| text.replace("CapabilityBoundingSet=\n", "");
    assert_ne!(is_safe(&unit(&folder, unsafe_unit)), Some(true));
}
