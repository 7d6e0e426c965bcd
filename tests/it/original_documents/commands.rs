//! The commands and the settings files of the documents, and the calls that they make from Python.

use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Method;

use crate::original::PYTHON;
use crate::support::client::Backend;
use crate::support::scale::program;
use crate::support::server::{Server, command, settings_file};

/// README of 0.7, page of 0.6: "Installation and Setup". The installation itself is different here
/// (`docs/migration.md`).
const SETUP: &[&str] = &[
    "YOUR_PYTHON_ENV/bin/channelstream_utils make_config -o config.ini",
    "YOUR_PYTHON_ENV/bin/channelstream -i config.ini",
];

/// Page of 0.6.0: "Possible config options for the server".
const HELP: &str = "YOUR_PYTHON_ENV/bin/channelstream -h";

/// Page of 0.6.0: "The server can also be configured via ini files (channelstream -i filename),
/// example". The page has lost the section's head and the addresses.
const EXAMPLE: &str = "debug = 0
port = 8000
demo_app_url =
admin_secret = YOURADMINSECRET
allow_posting_from =,";

/// Page of 0.6.0: "Basic usage". The page has lost the letter of the flag.
const USAGE: &str = "YOUR_PYTHON_ENV/bin/channelstream - filename.ini";

/// README of 0.1: its example, with the sections of Paste.
const EXAMPLE_OF_0_1: &str = "[app:main]
paste.app_factory = channelstream.wsgi_app:make_app
admin_secret = admin_secret
secret = secret
port = 8000
allow_posting_from = 127.0.0.1,
                     192.168.1.1

[server:main]
use = egg:gevent-socketio#paster
host = 0.0.0.0
port = 8000
resource = socket.io
transports = websocket, xhr-polling
policy_server = True
policy_listener_host = 0.0.0.0
policy_listener_port = 10843
heartbeat_interval = 5
heartbeat_timeout = 60";

/// README of 0.7, page of 0.6: "All messages need to be signed with a HMAC of destination
/// endpoint".
const CALL: &str = "import requests
from itsdangerous import TimestampSigner
signer = TimestampSigner(SERVER_SECRET)
sig_for_server = signer.sign('/connect')
secret_headers = {'x-channelstream-secret': sig_for_server,
                  'Content-Type': 'application/json'}
response = requests.post(url, data=json.dumps(payload),
                         headers=secret_headers).json()";

/// Page of 0.6.0: the same call with another header. "This will be validated on socketio server
/// side": no release did so. The page has lost the address in the last line, and the text after it.
const CALL_OF_0_6: &str = "import requests
from itsdangerous import TimestampSigner
signer = TimestampSigner(request.registry.settings['secret'])
sig_for_server = signer.sign('/connect')
secret_headers = {'x-channelstream-secret': sig_for_server,
'x-channelstream-endpoint': endpoint,
'Content-Type': 'application/json'}
response =, data=json.dumps(payload),";

/// README of 0.7, page of 0.6: "it is available by default under".
const EXPLORER: &str = "http://127.0.0.1:8000/api-explorer";

/// README of 0.1: "open your browser and point it to following url". This server's demo is a
/// different one.
const DEMO: &str = "http://127.0.0.1:8000/demo";

/// Makes a folder that looks like a Python environment with the original in it.
fn environment() -> PathBuf {
    let folder = std::env::temp_dir().join(uuid::Uuid::new_v4().to_string());
    std::fs::create_dir_all(folder.join("YOUR_PYTHON_ENV/bin")).unwrap();
    for name in ["channelstream", "channelstream_utils"] {
        std::os::unix::fs::symlink(program(), folder.join("YOUR_PYTHON_ENV/bin").join(name))
            .unwrap();
    }
    folder
}

/// Runs a line of a document in a shell. The port is replaced, since tests run in parallel.
fn line(folder: &Path, line: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .env_clear()
        .env("CHANNELSTREAM_PORT", "0")
        .current_dir(folder)
        .args(["-c", &format!("exec {line}")]);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_two_lines_of_the_setup_work_one_after_the_other() {
    let folder = environment();
    let [make, start] = SETUP else {
        panic!("two lines")
    };
    assert!(line(&folder, make).status().unwrap().success());
    let server = Server::run(line(&folder, start));
    let answer = Backend::of(&server)
        .unsigned(Method::GET, "/health")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert!(server.address.starts_with("0.0.0.0:"), "{}", server.address);
}

#[test]
fn help_tells_the_options() {
    let output = line(&environment(), HELP).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && text.contains("--ini <FILE>") && text.contains("--version"),
        "{text}"
    );
}

/// Starts the server with these lines in a file, by the command of the page of 0.6.0.
fn start_with(lines: &str) -> Server {
    let folder = environment();
    std::fs::write(
        folder.join("filename.ini"),
        format!("[channelstream]\n{lines}\n"),
    )
    .unwrap();
    Server::run(line(&folder, &USAGE.replace(" - ", " -i ")))
}

#[test]
fn the_example_of_a_settings_file_starts_the_server() {
    let server = start_with(EXAMPLE);
    assert!(
        server.address.starts_with("127.0.0.1:"),
        "{}",
        server.address
    );
}

#[test]
fn the_sections_of_paste_are_refused_with_the_section_that_is_missing() {
    let path = settings_file("paste.ini", EXAMPLE_OF_0_1);
    let output = Command::new(program())
        .env_clear()
        .args(["-i", &path])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(78) && text.contains("there is no section [channelstream]"),
        "{text}"
    );
}

#[test]
fn the_keys_of_the_sections_of_paste_start_the_server_in_one_section() {
    // Both sections name the port, and everyone knows these secrets.
    let keys = EXAMPLE_OF_0_1
        .replace("[app:main]\n", "")
        .replacen("port = 8000\n", "", 1)
        .replace("[server:main]\n", "");
    let keys = keys
        .replace("= secret\n", "= 0123456789abcdef\n")
        .replace("= admin_secret\n", "= 0123456789abcdef\n");
    let server = start_with(&keys);
    assert!(server.address.starts_with("0.0.0.0:"), "{}", server.address);
    for key in [
        "use",
        "paste.app_factory",
        "resource",
        "transports",
        "policy_server",
        "policy_listener_host",
        "heartbeat_timeout",
    ] {
        let is_told = |line: &String| line.contains(&format!("filename.ini: {key} has no effect"));
        assert!(
            server.start_log.iter().any(is_told),
            "{key}: {:?}",
            server.start_log
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_from_python_is_answered() {
    let server = Server::start(&[]);
    let of_0_6 = CALL_OF_0_6.replace(
        "response =, data=json.dumps(payload),",
        "response = requests.post(url, data=json.dumps(payload),",
    );
    for call in [CALL, &format!("{of_0_6} headers=secret_headers).json()")] {
        let script = format!(
            "import json\nfrom types import SimpleNamespace as Object\n\
             endpoint = '/connect'\nSERVER_SECRET = 'secret'\n\
             request = Object(registry=Object(settings={{'secret': SERVER_SECRET}}))\n\
             url = 'http://{}/connect'\npayload = {{'username': 'alice'}}\n\
             {call}\nprint(response['username'])",
            server.address
        );
        let output = tokio::process::Command::new(PYTHON)
            .args(["-c", &script])
            .env("NO_PROXY", "*")
            .output()
            .await
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "alice\n",
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// Returns the path of an address in a document. Without a setting the server listens there. Only
/// tests use other ports.
fn path(address: &str) -> &str {
    let (_, shown) = command(&["config", "show"], &[]);
    assert!(
        shown.starts_with("host = \"127.0.0.1\"\nport = 8000\n"),
        "{shown}"
    );
    address.strip_prefix("http://127.0.0.1:8000").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_explorer_and_the_demo_are_where_the_documents_say() {
    let server = Server::start(&[("demo", "true")]);
    let backend = Backend::of(&server);
    let explorer = path(EXPLORER);
    assert_eq!(
        backend
            .unsigned(Method::GET, explorer)
            .send()
            .await
            .unwrap()
            .status(),
        302,
        "it asks for a password"
    );
    assert_eq!(
        backend
            .request(Method::GET, explorer)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    assert_eq!(
        backend
            .unsigned(Method::GET, path(DEMO))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}
