//! Tests with the original itself, which `make .original` installs from PyPI: its commands, its
//! files and its signers.

use std::process::Command;

use reqwest::Method;

use crate::support::client::Backend;
use crate::support::random::Random;
use crate::support::server::{Server, command, settings_file};

/// The Python of the environment in which the original is installed.
pub(crate) const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/original/bin/python");

const SIGNATURES: usize = 1000;

/// Returns the output of a program that must succeed.
fn output(mut command: Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; `make .original .node` installs it"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn python(script: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(PYTHON);
    command.args(["-c", script]).args(arguments);
    output(command)
}

/// Returns the folder of the original's package.
fn package() -> String {
    python(
        "import os, channelstream; print(os.path.dirname(channelstream.__file__), end='')",
        &[],
    )
}

/// Sends each signature, one on each line of the text, to a server with this secret.
async fn are_accepted(signatures: &str, secret: &str) {
    let server = Server::start(&[("secret", secret)]);
    let backend = Backend::of(&server);
    let lines: Vec<_> = signatures.lines().collect();
    assert_eq!(lines.len(), SIGNATURES);
    let mut refused = Vec::new();
    for signature in lines {
        let request = backend
            .unsigned(Method::POST, "/info")
            .header("x-channelstream-secret", signature);
        if request.send().await.unwrap().status() != 200 {
            refused.push(signature);
        }
    }
    assert!(
        refused.is_empty(),
        "{} of {SIGNATURES} were refused: {:?}",
        refused.len(),
        refused.first()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_of_the_python_signer_are_accepted() {
    let script = "
import sys, random
from channelstream.utils import DefaultSigner
signer = DefaultSigner(sys.argv[1]).signer
for number in range(int(sys.argv[2])):
    text = ''.join(random.choices('/abcdefgh.-_~', k=random.randint(1, 20)))
    print(signer.sign(text).decode())
";
    let secret = "a secret with $ and ü";
    are_accepted(&python(script, &[secret, &SIGNATURES.to_string()]), secret).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_of_the_javascript_signer_are_accepted() {
    // The signer signs a fixed word, so each signature gets another second, from one hour in the
    // future. Signatures from the future are valid.
    let folder = std::env::temp_dir().join(uuid::Uuid::new_v4().to_string());
    std::fs::create_dir(&folder).unwrap();
    let shipped = format!("{}/static/channelstream", package());
    for name in ["signer.js", "sha1-esm.js"] {
        std::fs::copy(format!("{shipped}/{name}"), folder.join(name)).unwrap();
    }
    std::fs::write(folder.join("package.json"), r#"{"type": "module"}"#).unwrap();
    let script = "
import {ChannelStreamSigner} from './signer.js';
const [secret, count] = process.argv.slice(2);
const start = Date.now();
for (let number = 0; number < count; number++) {
    Date.now = () => start + 1000 * (number + 3600);
    console.log(new ChannelStreamSigner(secret).signRequest());
}
";
    std::fs::write(folder.join("main.js"), script).unwrap();
    let mut node = Command::new("node");
    node.current_dir(&folder)
        .args(["main.js", "secret of a page", &SIGNATURES.to_string()]);
    let signatures = output(node);
    // The special cases: padding in the timestamp, and letters of both alphabets.
    assert!(
        signatures
            .lines()
            .all(|line| line.split('.').nth(1).unwrap().ends_with('='))
    );
    assert!(signatures.contains(['+', '/']) && signatures.contains(['-', '_']));
    are_accepted(&signatures, "secret of a page").await;
}

#[test]
fn the_file_that_make_config_of_the_original_writes_starts_the_server() {
    let path = settings_file("made.ini", "");
    let script = "from channelstream.cli.utils import main; main()";
    for (arguments, host) in [
        (&["make_config", "-o", &path][..], "127.0.0.1:"),
        (
            &[
                "make_config",
                "-j",
                r#"{"secret": "0123456789abcdef", "admin_secret": "0123456789abcdef"}"#,
                "-o",
                &path,
            ],
            "0.0.0.0:",
        ),
    ] {
        python(script, arguments);
        let (code, text) = command(&["-i", &path, "config", "check"], &[]);
        assert_eq!(code, Some(0), "{text}");
        let server = Server::start(&[("ini", &path)]);
        assert!(server.address.starts_with(host), "{}", server.address);
    }
}

/// Texts that different readers of ini files read differently.
const INI_FILES: &[&str] = &[
    "[channelstream]\nport = 1\nadmin_user: a=b\n",
    "[DEFAULT]\nport = 2\n[channelstream]\nADMIN_USER = x:y = z\n",
    "[channelstream]\nport = %(digit)s%(digit)s\n[DEFAULT]\nDigit = 3\n",
    "[channelstream]\nadmin_user = 100%% of # and ;\nport=4\n",
    "; a comment\n\n[channelstream]\n  # another\n\
     admin_user = a\n   # a third\n b\n\n\n c\nport = 5\n",
    "[other]\nx = 1\n[channelstream]\nport = 6\n[third]\nport = 7\n",
    "[channelstream]\r\nport = 8\r\nadmin_user = x\r\n",
    "[channelstream]\nport =\n  9\n",
    "[channelstream]\nadmin_user = %(a)s\nport = 10\na = %(b)s%%\nb = c\n",
    "  [channelstream]\n  port = 11\n  admin_user = x\n",
    "[channelstream]\nport = 12\nport = 13\n",
    "[channelstream]\nport = 14\nPORT = 15\n",
    "[channelstream]\nport = 16\n[channelstream]\nadmin_user = x\n",
    "[DEFAULT]\nport = 17\n[DEFAULT]\nadmin_user = x\n[channelstream]\n",
    "port = 18\n[channelstream]\n",
    "[channelstream]\nport = 19\nnonsense\n",
    "[channelstream]\nport = 20\n= x\n",
    "[channelstream]\nport = 21\nadmin_user = %x\n",
    "[channelstream]\nport = 22\nadmin_user = %(missing)s\n",
    "[channelstream]\nport = 23\nadmin_user = %(admin_user)s\n",
    "[Channelstream]\nport = 24\n",
    "",
];

#[test]
fn ini_files_are_read_as_the_original_reads_them() {
    let script = "
import sys, configparser
parser = configparser.ConfigParser()
parser.read(sys.argv[1])
values = dict(parser.items('channelstream'))
print(values.get('port', '8000').strip(), values.get('admin_user', 'admin'), sep='|', end='')
";
    for text in INI_FILES {
        let path = settings_file("a.ini", text);
        let mut original = Command::new(PYTHON);
        let original = original.args(["-c", script, &path]).output().unwrap();
        let expected = original
            .status
            .success()
            .then(|| String::from_utf8(original.stdout).unwrap());
        let (code, shown) = command(&["-i", &path, "config", "show"], &[]);
        let value = |key: &str| {
            shown
                .lines()
                .find_map(|line| line.strip_prefix(&format!("{key} = ")))
                .unwrap()
                .to_owned()
        };
        let read = (code == Some(0)).then(|| {
            let admin_user: String = serde_json::from_str(&value("admin_user")).unwrap();
            format!("{}|{admin_user}", value("port"))
        });
        assert_eq!(read, expected, "{text:?}: {shown}");
    }
}

/// A key, and values that it may have in files of the original.
type Choice = (&'static str, &'static [&'static str]);

const CHOICES: &[Choice] = &[
    ("debug", &["", "true", "0", "2", "maybe"]),
    (
        "log_level",
        &["", "info", "WARNING", "FATAL", "NOTSET", "LOUD", "1"],
    ),
    ("port", &["", "8000", "\n  80", "+80", "x", "8.5"]),
    ("host", &["", "0.0.0.0", "localhost", "::"]),
    (
        "admin_user",
        &["", "root", "50%", "50%%", "%(port)s", "%(nothing)s"],
    ),
    ("cookie_secret", &["", "0123456789abcdef"]),
    (
        "allow_posting_from",
        &[
            "",
            ",",
            "127.0.0.1",
            "web, ::1",
            "<your ip>",
            "10.0.0.0/8,\n  10.0.0.1",
            "127.0.0.1\n",
            "0.0.0.0, x",
        ],
    ),
    (
        "allow_cors",
        &[
            "",
            ",",
            "*",
            "app.example",
            ".app.example",
            "https://app.example/x",
            "http",
            "null",
            "<>",
        ],
    ),
    ("validate_requests", &["true", "no", "maybe", "TRUE"]),
    ("enforce_https", &["", "true", "Yes", "maybe", "False", "T"]),
    ("http_scheme", &["", "https", "http", "ftp", "https://"]),
    (
        "signature_checker",
        &["", "channelstream.utils.DefaultSigner"],
    ),
    ("demo", &["", "true", "http://127.0.0.1"]),
    ("demo_app_url", &["", "x"]),
    ("status_codes", &["1"]),
    ("gc_conns_after", &["", "60", "1", "soon", "-1"]),
    ("wake_connections_after", &["20", "never"]),
    ("sentry_dsn", &["", "x", "%"]),
    ("[other]\nport", &["1"]),
];

/// The part of the original's `main` that reads a file before it listens.
const READ_BY_ORIGINAL: &str = "
import configparser, copy, json, logging, sys
from channelstream.cli import CONFIGURABLE_PARAMS, SHARED_DEFAULTS
from channelstream.utils import set_config_types

def read(path):
    config = copy.deepcopy(SHARED_DEFAULTS)
    parser = configparser.ConfigParser()
    parser.read(path)
    settings = dict(parser.items('channelstream'))
    config.update((key, settings[key]) for key in CONFIGURABLE_PARAMS if key in settings)
    config = set_config_types(config)
    logging.getLogger('x').setLevel(getattr(logging, (config.get('log_level') or 'INFO').upper()))
    keys = ['debug', 'enforce_https', 'validate_requests', 'http_scheme', 'port']
    return {key: config[key] for key in keys}

for path in sys.stdin.read().splitlines():
    try:
        print(json.dumps(read(path)))
    except Exception:
        print('null')
";

#[test]
fn every_file_with_which_the_original_starts_is_accepted_and_means_the_same() {
    let mut random = Random::new(7);
    let mut files = Vec::new();
    for _ in 0..400 {
        let mut text = String::from(
            "[channelstream]\nsecret = 0123456789abcdef\nadmin_secret = 0123456789abcdef\n",
        );
        for (key, values) in CHOICES {
            if random.below(3) == 0 {
                let value = values[usize::try_from(random.below(values.len() as u64)).unwrap()];
                text.push_str(&format!("{key} = {value}\n"));
            }
        }
        files.push((settings_file("random.ini", &text), text));
    }
    let mut original = Command::new(PYTHON);
    let paths = settings_file(
        "paths",
        &files
            .iter()
            .map(|(path, _)| format!("{path}\n"))
            .collect::<String>(),
    );
    original
        .args(["-c", READ_BY_ORIGINAL])
        .stdin(std::fs::File::open(paths).unwrap());
    let answers = output(original);
    let answers: Vec<Option<serde_json::Value>> = answers
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), files.len());
    let started = answers.iter().flatten().count();
    assert!(
        (100..350).contains(&started),
        "the original starts with {started} of them"
    );
    for ((path, text), expected) in files.iter().zip(answers) {
        let Some(expected) = expected else { continue };
        let (code, told) = command(&["-i", path, "config", "check"], &[]);
        assert_eq!(code, Some(0), "{text}: {told}");
        let (_, shown) = command(&["-i", path, "config", "show"], &[]);
        for (key, value) in expected.as_object().unwrap() {
            assert!(
                shown.lines().any(|line| line == format!("{key} = {value}")),
                "{key} = {value}: {text}: {shown}"
            );
        }
    }
}
