//! Changes answers on their way, and expects that the checks find the changes.

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::support::scale::scaled;

use super::run::{Limits, Run};

/// A change of the answers to one call, and a part of Schemathesis' message about it.
struct Fault {
    path: &'static str,
    before: &'static str,
    after: &'static str,
    finding: &'static str,
}

static STATUS: Fault = Fault {
    path: "/channel_config",
    before: "HTTP/1.1 200",
    after: "HTTP/1.1 202",
    finding: "Undocumented status code",
};

static OTHERS: [Fault; 4] = [
    Fault {
        path: "/info",
        before: "HTTP/1.1 200",
        after: "HTTP/1.1 500",
        finding: "Server error",
    },
    Fault {
        path: "/channel_config",
        before: "content-type: application/json",
        after: "content-type: application/text",
        finding: "Undocumented Content-Type",
    },
    Fault {
        path: "/connect",
        before: "\"public_state\"",
        after: "\"public_stale\"",
        finding: "Response violates schema",
    },
    Fault {
        path: "/subscribe",
        before: "Unknown connection",
        after: "Hidden connections",
        finding: "refusals_have_a_reason",
    },
];

/// Starts a proxy between Schemathesis and the server that changes each answer.
async fn proxy(server: &str, fault: &'static Fault) -> String {
    assert_eq!(fault.before.len(), fault.after.len());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = server.to_owned();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (mut requests, answers) = client.into_split();
            let (from, mut to) = TcpStream::connect(&server).await.unwrap().into_split();
            tokio::spawn(async move { copy(&mut requests, &mut to).await });
            tokio::spawn(change(from, answers, fault));
        }
    });
    address
}

/// Passes answers on. The text to change arrives in one piece, since the server writes it at once.
async fn change(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, fault: &'static Fault) {
    let mut bytes = vec![0; 1 << 20];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        let answer = &mut bytes[..length];
        let mut at = 0;
        while at + fault.before.len() <= answer.len() {
            if answer[at..].starts_with(fault.before.as_bytes()) {
                answer[at..at + fault.before.len()].copy_from_slice(fault.after.as_bytes());
            }
            at += 1;
        }
        if to.write_all(answer).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_not_as_described_are_found() {
    let run = Run::new(Limits::OutOfReach).await;
    let others = OTHERS.iter().take(scaled(0, OTHERS.len()));
    for fault in std::iter::once(&STATUS).chain(others) {
        let address = proxy(&run.server.address, fault).await;
        let arguments = [
            "-n",
            "20",
            "--phases",
            "fuzzing",
            "--include-path",
            fault.path,
        ];
        let report = run.call_at(&address, &arguments).await;
        assert!(
            !report.passed && report.text.contains(fault.finding),
            "{} was changed into {}, and not found:\n{}",
            fault.before,
            fault.after,
            report.text
        );
    }
}
