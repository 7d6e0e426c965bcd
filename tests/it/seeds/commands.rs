//! The commands and the settings files of the documents, and the calls that they make from Python.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::original::PYTHON;
use crate::support::client::Backend;
use crate::support::scale::program;
use crate::support::server::{Server, settings_file};

/// README of 0.7, page of 0.6: "Installation and Setup". The installation itself is another here (`docs/migration.md`).
const SETUP: &[&str] =
    &["YOUR_PYTHON_ENV/bin/channelstream_utils make_config -o config.ini", "YOUR_PYTHON_ENV/bin/channelstream -i config.ini"];

/// Page of 0.6.0: "Possible config options for the server".
const HELP: &str = "YOUR_PYTHON_ENV/bin/channelstream -h";

/// Page of 0.6.0: "The server can also be configured via ini files (channelstream -i filename), example". The page has lost the
/// section's head and the addresses.
const EXAMPLE: &str = "debug = 0
port = 8000
demo_app_url =
admin_secret = YOURADMINSECRET
allow_posting_from =,";

/// README of 0.1: the keys of its example that belong to the server itself. The sections are those of Paste.
const EXAMPLE_OF_0_1: &str = "admin_secret = admin_secret
secret = secret
port = 8000
allow_posting_from = 127.0.0.1,
                     192.168.1.1";

/// README of 0.7, page of 0.6: "All messages need to be signed with a HMAC of destination endpoint".
const CALL: &str = "import requests
from itsdangerous import TimestampSigner
signer = TimestampSigner(SERVER_SECRET)
sig_for_server = signer.sign('/connect')
secret_headers = {'x-channelstream-secret': sig_for_server,
                  'Content-Type': 'application/json'}
response = requests.post(url, data=json.dumps(payload),
                         headers=secret_headers).json()";

/// Page of 0.6.0: a further header. "This will be validated on socketio server side" – no release did so.
const ENDPOINT_HEADER: &str = "'x-channelstream-endpoint': endpoint,";

/// README of 0.7, page of 0.6: "it is available by default under".
const EXPLORER: &str = "http://127.0.0.1:8000/api-explorer";

/// A folder that looks like a Python environment with the original in it.
fn environment() -> PathBuf {
    let folder = std::env::temp_dir().join(uuid::Uuid::new_v4().to_string());
    std::fs::create_dir_all(folder.join("YOUR_PYTHON_ENV/bin")).unwrap();
    for name in ["channelstream", "channelstream_utils"] {
        std::os::unix::fs::symlink(program(), folder.join("YOUR_PYTHON_ENV/bin").join(name)).unwrap();
    }
    folder
}

/// Runs a line of a document in a shell. The port is another one, since tests run side by side.
fn line(folder: &Path, line: &str) -> Command {
    let mut command = Command::new("sh");
    command.env_clear().env("CHANNELSTREAM_PORT", "0").current_dir(folder).args(["-c", &format!("exec {line}")]);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_two_lines_of_the_setup_work_one_after_the_other() {
    let folder = environment();
    let [make, start] = SETUP else { panic!("two lines") };
    assert!(line(&folder, make).status().unwrap().success());
    let server = Server::run(line(&folder, start));
    let answer = Backend::of(&server).unsigned(reqwest::Method::GET, "/health").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(server.address.starts_with("0.0.0.0:"), "{}", server.address);
}

#[test]
fn help_tells_the_options() {
    let output = line(&environment(), HELP).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("--ini <FILE>") && text.contains("--version"), "{text}");
}

#[test]
fn the_examples_of_settings_files_start_the_server() {
    for example in [EXAMPLE, EXAMPLE_OF_0_1] {
        let folder = environment();
        std::fs::write(folder.join("filename.ini"), format!("[channelstream]\n{example}\n")).unwrap();
        let server = Server::run(line(&folder, "YOUR_PYTHON_ENV/bin/channelstream -i filename.ini"));
        assert!(server.address.starts_with("127.0.0.1:"), "{}", server.address);
    }
}

#[test]
fn the_sections_of_paste_are_refused_with_the_section_that_is_missing() {
    let path =
        settings_file("paste.ini", &format!("[app:main]\npaste.app_factory = channelstream.wsgi_app:make_app\n{EXAMPLE_OF_0_1}\n"));
    let output = Command::new(program()).env_clear().args(["-i", &path]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(78) && text.contains("it has no section [channelstream]"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_from_python_is_answered() {
    let server = Server::start(&[]);
    for call in [CALL.to_owned(), CALL.replace("'Content-Type'", &format!("{ENDPOINT_HEADER} 'Content-Type'"))] {
        let script = format!(
            "import json\nendpoint = '/connect'\nSERVER_SECRET = 'secret'\nurl = 'http://{}/connect'\npayload = {{'username': 'alice'}}\n\
             {call}\nprint(response['username'])",
            server.address
        );
        let output = tokio::process::Command::new(PYTHON).args(["-c", &script]).env("NO_PROXY", "*").output().await.unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "alice\n", "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_explorer_is_where_the_documents_say() {
    let server = Server::start(&[]);
    let path = EXPLORER.strip_prefix("http://127.0.0.1:8000").unwrap();
    let backend = Backend::of(&server);
    assert_eq!(backend.unsigned(reqwest::Method::GET, path).send().await.unwrap().status(), 302, "it asks for a password");
    assert_eq!(backend.request(reqwest::Method::GET, path).send().await.unwrap().status(), 200);
}
