//! Tests of socket activation. The server takes a socket that was passed to it, as systemd does,
//! and leaves it to the next process without a gap. Two servers may also share a port.

use std::fmt;
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::scale::{program, scaled};
use crate::support::server::{Server, command};
use crate::support::signing::{now, sign};
use crate::support::websocket::WebSocket;

/// A shell command that passes its standard input as file descriptor 3, and becomes the program
/// `$0`.
const PASS_SOCKET: &str = r#"exec 3<&0 0</dev/null; LISTEN_PID=$$ exec "$0" "$@""#;

/// The longest time that a client waits for an answer. The replacement of a server must not take
/// longer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Returns the command that starts the server with a socket, as systemd does.
fn with_socket(socket: impl Into<OwnedFd>, count: &str, flags: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .current_dir(std::env::temp_dir())
        .env_clear()
        .env("LISTEN_FDS", count)
        .args(["-c", PASS_SOCKET])
        .arg(program())
        .args(flags)
        .stdin(Stdio::from(socket.into()));
    command
}

/// A service manager. It keeps the listening socket open while servers come and go.
struct ServiceManager(TcpListener);

impl ServiceManager {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    fn start_server(&self) -> Server {
        let socket = self.0.try_clone().unwrap();
        let server = Server::run(with_socket(socket, "1", &[]));
        assert_eq!(server.address, self.address());
        server
    }
}

/// The counts and faults that clients have seen.
#[derive(Debug, Default)]
struct Outcomes {
    /// The number of requests that were answered 200.
    served: usize,
    /// The number of requests that were answered 503 with `Retry-After`.
    refused: usize,
    /// The number of times that the server had closed a connection between two requests.
    closed: usize,
    /// The longest time that a new connection and its answer took.
    longest: Duration,
    faults: Vec<String>,
}

impl Outcomes {
    fn add(&mut self, other: Self) {
        self.served += other.served;
        self.refused += other.refused;
        self.closed += other.closed;
        self.longest = self.longest.max(other.longest);
        self.faults.extend(other.faults);
    }

    /// Counts an answer. Returns whether the connection stays open.
    fn note(&mut self, who: &str, answer: &str) -> bool {
        if answer.starts_with("http/1.1 200") {
            self.served += 1;
        } else if answer.starts_with("http/1.1 503") && answer.contains("\r\nretry-after: ") {
            self.refused += 1;
        } else {
            self.faults.push(format!("{who}: {answer:?}"));
        }
        !answer.contains("\r\nconnection: close")
    }
}

/// Returns the text of a request for this path.
fn request(path: &str) -> String {
    if path == "/health" {
        return "GET /health HTTP/1.1\r\nHost: x\r\n\r\n".to_owned();
    }
    let body = json!([{"user": "backend", "channel": "room", "message": {"n": 1}}]).to_string();
    format!(
        "POST /message HTTP/1.1\r\nHost: x\r\n\
         X-Channelstream-Secret: {}\r\nContent-Length: {}\r\n\r\n{body}",
        sign("secret", path, now()),
        body.len()
    )
}

/// The reason why an answer did not come.
#[derive(Debug)]
enum NoAnswer {
    /// The connection ended before the first byte.
    Closed,
    /// Anything else, in words.
    Broken(String),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed before the answer"),
            Self::Broken(what) => f.write_str(what),
        }
    }
}

/// Sends a request and reads its answer, up to its content length.
async fn ask(stream: &mut TcpStream, path: &str) -> Result<String, NoAnswer> {
    let mut answer = Vec::new();
    let exchange = async {
        stream.write_all(request(path).as_bytes()).await?;
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&answer).to_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: usize = length.split('\r').next().unwrap().parse().unwrap();
        stream.read_exact(&mut vec![0; length]).await?;
        Ok(head)
    };
    let result: Result<_, std::io::Error> = timeout(TIMEOUT, exchange)
        .await
        .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
    result.map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
            if answer.is_empty() =>
        {
            NoAnswer::Closed
        }
        _ => NoAnswer::Broken(format!("{error} after {} bytes", answer.len())),
    })
}

/// Makes a new connection for each request.
async fn ask_on_new_connections(address: String, path: &str, is_over: Arc<AtomicBool>) -> Outcomes {
    let mut seen = Outcomes::default();
    while !is_over.load(SeqCst) {
        let start = Instant::now();
        match TcpStream::connect(&address).await {
            Err(error) => seen.faults.push(format!("{path}: not connected: {error}")),
            Ok(mut stream) => match ask(&mut stream, path).await {
                Ok(answer) => drop(seen.note(path, &answer)),
                Err(error) => seen.faults.push(format!("{path}: {error}")),
            },
        }
        seen.longest = seen.longest.max(start.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    seen
}

/// Makes all requests on one connection, until the server closes it.
async fn ask_on_kept_connections(
    address: String,
    path: &str,
    is_over: Arc<AtomicBool>,
) -> Outcomes {
    let mut seen = Outcomes::default();
    while !is_over.load(SeqCst) {
        let mut stream = match TcpStream::connect(&address).await {
            Ok(stream) => stream,
            Err(error) => {
                seen.faults
                    .push(format!("kept {path}: not connected: {error}"));
                continue;
            }
        };
        let mut is_first = true;
        while !is_over.load(SeqCst) {
            match ask(&mut stream, path).await {
                Ok(answer) if seen.note(path, &answer) => {}
                Ok(_) => break,
                Err(NoAnswer::Closed) if !is_first => {
                    seen.closed += 1;
                    break;
                }
                Err(error) => {
                    seen.faults.push(format!("kept {path}: {error}"));
                    break;
                }
            }
            is_first = false;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_client_is_refused_or_reset_while_servers_replace_each_other() {
    let manager = ServiceManager::new();
    let is_over = Arc::new(AtomicBool::new(false));
    let (mut fresh, mut kept) = (Vec::new(), Vec::new());
    for path in ["/health", "/message"] {
        for _ in 0..4 {
            let (address, is_over) = (manager.address(), is_over.clone());
            fresh.push(tokio::spawn(ask_on_new_connections(
                address.clone(),
                path,
                is_over.clone(),
            )));
            kept.push(tokio::spawn(ask_on_kept_connections(
                address, path, is_over,
            )));
        }
    }
    let restarts = scaled(3, 30);
    for round in 0..restarts {
        let mut server = manager.start_server();
        let backend = Backend::of(&server);
        let conn_id = backend.connect("alice", &["other"]).await;
        let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.begin_stop();
        assert!(server.end().await.success(), "round {round}");
        let end = socket.ended(Duration::from_secs(5)).await.flatten();
        assert_eq!(end.unwrap().0, 1012, "round {round}");
        server.log_line("stopped");
    }
    let mut last = manager.start_server();
    tokio::time::sleep(Duration::from_millis(300)).await;
    is_over.store(true, SeqCst);
    let (fresh, kept) = (join(fresh).await, join(kept).await);
    println!("{restarts} restarts; new connections: {fresh:?}; kept connections: {kept:?}");
    let faults = [fresh.faults, kept.faults].concat();
    assert!(faults.is_empty(), "{} faults: {faults:#?}", faults.len());
    assert!(fresh.served > 20 * restarts && kept.served > 20 * restarts);
    // The next process does not refuse a request that waited for it.
    assert!(fresh.refused <= fresh.served / 100, "{}", fresh.refused);
    assert!(last.terminate().success());
}

/// Returns what all of these clients have seen together.
async fn join(clients: Vec<JoinHandle<Outcomes>>) -> Outcomes {
    let mut all = Outcomes::default();
    for client in clients {
        let seen = timeout(2 * TIMEOUT, client).await;
        all.add(seen.expect("a client never ended").unwrap());
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_connection_is_served_in_the_stop_and_a_new_one_waits_for_the_next_server() {
    let manager = ServiceManager::new();
    let mut server = manager.start_server();
    let mut accepted = TcpStream::connect(manager.address()).await.unwrap();
    let mut kept = TcpStream::connect(manager.address()).await.unwrap();
    // Connections are accepted in their order.
    let answer = ask(&mut kept, "/message").await.unwrap();
    assert!(!answer.contains("connection: close"), "{answer}");
    server.begin_stop();
    server.log_line("new connections wait for the next process");
    // The server waits for the first request on the connection that has sent none.
    for stream in [&mut kept, &mut accepted] {
        let answer = ask(stream, "/message").await.unwrap();
        assert!(answer.starts_with("http/1.1 200"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    }
    server.log_line("closing all clients");
    let mut new = TcpStream::connect(manager.address()).await.unwrap();
    new.write_all(request("/message").as_bytes()).await.unwrap();
    assert!(server.end().await.success());
    let nothing = new.try_read(&mut [0]).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    let _next = manager.start_server();
    let mut answer = [0; 12];
    timeout(TIMEOUT, new.read_exact(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_does_not_wait_for_the_next_server() {
    let manager = ServiceManager::new();
    let socket = manager.0.try_clone().unwrap();
    let mut server = Server::run(with_socket(socket, "1", &["--demo", "true"]));
    // The server waits for the first request on this connection.
    let _silent = TcpStream::connect(manager.address()).await.unwrap();
    let mut kept = TcpStream::connect(manager.address()).await.unwrap();
    ask(&mut kept, "/health").await.unwrap();
    server.begin_stop();
    server.log_line("new connections wait for the next process");
    let body = r#"{"username": "alice"}"#;
    let head = "POST /demo/connect HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    kept.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(TIMEOUT, kept.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("Try again in a second"), "{answer}");
    assert!(server.end().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_never_sends_a_request_does_not_hold_up_the_stop() {
    let manager = ServiceManager::new();
    let mut server = manager.start_server();
    let _silent = TcpStream::connect(manager.address()).await.unwrap();
    let _accepted = Backend::of(&server).connect("alice", &["room"]).await;
    let start = Instant::now();
    server.begin_stop();
    assert!(server.end().await.success());
    // One second for its request, and one for the last answers.
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn anything_but_one_listening_tcp_socket_is_refused_with_advice() {
    let tcp = || TcpListener::bind("127.0.0.1:0").unwrap();
    let listener = tcp();
    let connected = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let path = std::env::temp_dir().join(format!("{}.sock", uuid::Uuid::new_v4()));
    let unix = UnixListener::bind(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let datagram = UnixDatagram::unbound().unwrap();
    let file = std::fs::File::open("/dev/null").unwrap();
    for (socket, count, found) in [
        (OwnedFd::from(tcp()), "2", "2 sockets were passed"),
        (tcp().into(), "many", "LISTEN_FDS=many: expected the number"),
        (tcp().into(), "-1", "LISTEN_FDS=-1: expected the number"),
        (connected.into(), "1", "does not listen"),
        (unix.into(), "1", "is a Unix stream socket, not a TCP"),
        (udp.into(), "1", "is a UDP socket, not a TCP"),
        (datagram.into(), "1", "is a Unix datagram socket, not a TCP"),
        (file.into(), "1", "fd 3 is not a socket"),
    ] {
        let output = with_socket(socket, count, &[]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{found}: {text}");
        assert!(
            text.contains(found) && text.contains("ListenStream=127.0.0.1:8000"),
            "{found}: {text}"
        );
    }
}

#[test]
fn a_passed_socket_that_others_can_reach_needs_secrets_of_its_own() {
    let public = || TcpListener::bind("0.0.0.0:0").unwrap();
    let output = with_socket(public(), "1", &[]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.contains("set CHANNELSTREAM_SECRET and CHANNELSTREAM_ADMIN_SECRET"),
        "{text}"
    );
    let secrets = ["--secret", "a-secret-of-32-bytes-0123456789ab"];
    let admin = ["--admin-secret", "another-of-32-bytes-0123456789ab"];
    let server = Server::run(with_socket(public(), "1", &[secrets, admin].concat()));
    assert!(server.address.starts_with("0.0.0.0:"), "{}", server.address);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passed_socket_serves_clients_only_where_there_is_an_internal_address() {
    let manager = ServiceManager::new();
    let socket = manager.0.try_clone().unwrap();
    let flags = [
        "--internal-listen",
        "127.0.0.1:0",
        "--listen",
        "127.0.0.1:1",
    ];
    let mut server = Server::run(with_socket(socket, "1", &flags));
    assert_eq!(server.address, manager.address());
    let internal = Backend::at(&server.logged_address("(internal_listen)"));
    let conn_id = internal.connect("alice", &["room"]).await;
    let mut websocket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    internal.say("room", json!({"n": 1})).await;
    while websocket.event().await["type"] != "message" {}
    let outside = Backend::of(&server);
    let refused = outside.request(reqwest::Method::POST, "/message");
    assert_eq!(refused.send().await.unwrap().status(), 404);
    assert!(server.terminate().success());
}

#[test]
fn a_socket_that_was_passed_to_another_process_is_not_taken() {
    let mut server = Server::start_with(&[], &[("LISTEN_PID", "1"), ("LISTEN_FDS", "1")]);
    assert!(!server.start_log.iter().any(|line| line.contains("passed")));
    assert!(server.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_share_a_port_when_both_are_told_to() {
    let mut first = Server::start(&[("reuse-port", "true")]);
    let address = first.address.clone();
    let port = address.rsplit(':').next().unwrap();
    let (code, text) = command(&["--port", port], &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("cannot listen on 127.0.0.1"), "{text}");
    let mut command = Command::new(program());
    command.env_clear().current_dir(std::env::temp_dir()).args([
        "--port",
        port,
        "--reuse-port",
        "true",
        "--demo",
        "true",
    ]);
    let second = Server::run(command);
    assert_eq!(second.address, address);
    // Only the second server has the demo. This tells the two apart.
    let status = async || {
        let url = format!("http://{address}/demo");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.get(url).send().await.unwrap().status().as_u16()
    };
    let mut seen = std::collections::BTreeSet::new();
    eventually("both servers have answered", async || {
        seen.insert(status().await);
        seen.len() == 2
    })
    .await;
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [200, 404]);
    first.begin_stop();
    assert!(first.end().await.success());
    for _ in 0..50 {
        assert_eq!(status().await, 200);
    }
    let backend = Backend::of(&second);
    let answer: Value = backend
        .post("/connect", json!({"username": "a", "channels": ["room"]}))
        .await;
    assert!(answer["conn_id"].is_string(), "{answer}");
}

#[test]
fn the_example_for_systemd_gives_a_stop_the_time_that_it_needs() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deploy");
    let service = std::fs::read_to_string(folder.join("channelstream.service")).unwrap();
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).unwrap();
        let (_, value) = line.split_once('=').unwrap();
        value.trim().parse::<f64>().unwrap()
    };
    let (_, settings) = command(&["config", "show"], &[]);
    let times = ["drain_notice", "drain_time", "close_grace"].map(|key| value(&settings, key));
    // One second for requests on accepted connections, and one for the last answers.
    let longest = times.iter().sum::<f64>() + 2.0;
    let limit = value(&service, "TimeoutStopSec");
    assert!(limit > longest, "{limit} s for a stop of {longest} s");
}
