//! Nodes that speak to Redis by TLS.

use std::process::Command;

use serde_json::{Value, json};

use super::client::Returning;
use super::{Cluster, PARTED_WITHIN, readiness};
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::folder::Folder;
use crate::support::redis::{Redis, free_port, node_with};
use crate::support::server::command;

/// A Redis that speaks TLS only, with a certificate of an authority of its own.
struct TlsRedis {
    redis: Redis,
    folder: Folder,
    port: u16,
}

impl TlsRedis {
    fn start() -> Self {
        let (folder, port) = (Folder::new(), free_port());
        let made = Command::new("sh")
            .current_dir(folder.path("."))
            .args(["-ec", CERTIFICATES])
            .output()
            .expect("a shell");
        assert!(made.status.success(), "{made:?}");
        let flags = format!(
            "--port 0 --bind 127.0.0.1 --tls-port {port} --tls-auth-clients no --tls-cert-file {} \
             --tls-key-file {} --tls-ca-cert-file {}",
            folder.path("redis.pem"),
            folder.path("redis.key"),
            folder.path("ca.pem"),
        );
        let flags = flags.split(' ').map(str::to_owned).collect();
        let redis = Redis::start_on(port, Folder::new(), flags);
        Self {
            redis,
            folder,
            port,
        }
    }

    fn url(&self) -> String {
        format!("rediss://127.0.0.1:{}", self.port)
    }
}

/// Makes two authorities, and the certificate of Redis, which the first one has signed.
const CERTIFICATES: &str = "
    new() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \"$@\"; }
    for name in ca other; do
        new -x509 -days 2 -subj /CN=$name -keyout $name.key -out $name.pem
    done
    new -subj /CN=redis -keyout redis.key -out redis.csr
    echo subjectAltName=IP:127.0.0.1 >names
    openssl x509 -req -in redis.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \\
        -extfile names -out redis.pem
";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_share_a_redis_that_speaks_tls() {
    let tls = TlsRedis::start();
    let (url, ca) = (tls.url(), tls.folder.path("ca.pem"));
    let flags = [("redis-urls", url.as_str()), ("redis-ca", ca.as_str())];
    let nodes = (0..2).map(|_| node_with(&flags)).collect();
    let redis = tls.redis;
    let cluster = Cluster { redis, nodes };
    let conn_id = cluster.backend(0).connect("alice", &["room"]).await;
    let address = vec![cluster.nodes[0].address.clone()];
    let mut client = Returning::start(address, conn_id, 0);
    let said = json!({"text": "by TLS"});
    cluster.backend(1).say("room", said.clone()).await;
    let has_come = |events: &[Value]| events.iter().any(|event| event["message"] == said);
    client.wait_for(PARTED_WITHIN, has_come).await;
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_certificate_of_another_authority_is_refused_and_named() {
    let tls = TlsRedis::start();
    let (url, other) = (tls.url(), tls.folder.path("other.pem"));
    // Without `redis_ca`, public authorities are trusted, of which this is none.
    for ca in [other.as_str(), ""] {
        let node = node_with(&[("redis-urls", &url), ("redis-ca", ca)]);
        node.log_line("there is no connection to Redis: ")
            .find("invalid peer certificate: UnknownIssuer")
            .expect("the log says why");
        let backend = Backend::of(&node);
        eventually("the node is not ready", async || {
            let (status, error) = readiness(&backend).await;
            let error = error.as_str();
            status == 503 && error.is_some_and(|error| error.contains("UnknownIssuer"))
        })
        .await;
    }
}

#[test]
fn settings_of_redis_are_checked_and_no_password_is_printed() {
    let urls = "redis://:geheim@a:6379,redis://:geheim@b:many";
    let flags = ["--store", "redis", "--redis-urls", urls, "config"];
    let (code, text) = command(&[&flags[..], &["check"]].concat(), &[]);
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains("redis_urls: address 2"), "{text}");
    let (_, shown) = command(&[&flags[..], &["show"]].concat(), &[]);
    let masked = r#"redis_urls = ["redis://***@a:6379", "redis://***@b:many"]"#;
    assert!(shown.contains(masked), "{shown}");
    assert!(!text.contains("geheim") && !shown.contains("geheim"));
    let variable = ("CHANNELSTREAM_REDIS_URLS", "redis://a, rediss://b");
    let (_, shown) = command(&["config", "show"], &[variable]);
    assert!(shown.contains(r#"["redis://a", "rediss://b"]"#), "{shown}");
}
