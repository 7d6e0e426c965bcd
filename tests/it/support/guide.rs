//! Follows a page of the documentation that builds an application: creates its files, and runs its
//! commands.
//!
//! Only two things differ from what a reader does. Other ports stand in place of 8000 and 5000, so
//! that tests run in parallel. Python packages come from a folder (`make .tutorials`), so that the
//! tests need no network.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::eventually;
use super::folder::Folder;
use super::server::Server;

/// The wheels of Flask, Django, the Python client and all that they need.
const WHEELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tutorials/wheels");

/// A step of a page.
#[derive(Debug)]
enum Step<'a> {
    /// The reader creates a file.
    File { name: &'a str, text: &'a str },
    /// The reader runs commands.
    Run(&'a str),
}

/// Returns the steps of a page. A block of the language `sh` is to be run. Every other block is a
/// file, which the paragraph before it names.
fn steps(page: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut parts = page.split("\n```");
    let mut before = parts.next().unwrap();
    while let (Some(block), Some(after)) = (parts.next(), parts.next()) {
        let (language, text) = block.split_once('\n').unwrap();
        steps.push(if language == "sh" {
            Step::Run(text)
        } else {
            let paragraph = before.trim_end().rsplit("\n\n").next().unwrap();
            let named = paragraph.strip_prefix("Create the file `");
            let name = named.unwrap_or_else(|| panic!("no file is named: {paragraph}"));
            Step::File {
                name: name.split('`').next().unwrap(),
                text,
            }
        });
        before = after;
    }
    steps
}

/// An application that a page has built and started, beside its own server.
pub(crate) struct GuideApplication {
    /// The address of the application.
    pub(crate) address: String,
    application: Child,
    _server: Server,
    _folder: Folder,
}

impl GuideApplication {
    /// Follows a page to its end. Its last command starts the application.
    pub(crate) async fn follow(page: &str) -> Self {
        let mut steps = steps(page);
        let Some(Step::Run(start)) = steps.pop() else {
            panic!("the last step does not start the application");
        };
        Self::take(steps, start).await
    }

    /// Follows a page whose files belong to an application with Flask, which starts in the way that
    /// the tutorial for Flask describes.
    pub(crate) async fn with_flask(page: &str) -> Self {
        let tutorial = steps(include_str!("../../../docs/tutorials/flask.md"));
        let [Step::Run(install), .., Step::Run(start)] = tutorial[..] else {
            panic!("the tutorial does not install and start: {tutorial:?}");
        };
        let steps = std::iter::once(Step::Run(install)).chain(steps(page));
        Self::take(steps.collect(), start).await
    }

    async fn take(steps: Vec<Step<'_>>, start: &str) -> Self {
        assert!(steps.len() >= 2, "found only {steps:?}");
        let server = Server::start(&[]);
        let folder = Folder::new();
        let address = format!("127.0.0.1:{}", free_port());
        let port = address.rsplit(':').next().unwrap();
        let change = |text: &str| {
            let text = text.replace("127.0.0.1:8000", &server.address);
            text.replace("5000", port)
        };
        let path = folder.path("");
        let path = Path::new(&path);
        copy_client(path);
        for step in steps {
            match step {
                Step::File { name, text } => {
                    let file = path.join(name);
                    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                    std::fs::write(file, change(text) + "\n").unwrap();
                }
                Step::Run(commands) => run(path, &change(commands)).await,
            }
        }
        let log = std::fs::File::create(path.join("log")).unwrap();
        let mut command = shell(path, &change(start));
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let guided = Self {
            application: command.spawn().unwrap(),
            _server: server,
            _folder: folder,
            address,
        };
        eventually("the application answers", async || {
            let answer = reqwest::get(format!("http://{}/", guided.address)).await;
            answer.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        guided
    }
}

impl Drop for GuideApplication {
    /// Ends all processes of the application.
    fn drop(&mut self) {
        let group = format!("kill -KILL -{}", self.application.id());
        let _ = Command::new("sh").args(["-c", &group]).status();
        let _ = self.application.wait();
    }
}

/// Runs commands that must succeed.
async fn run(folder: &Path, commands: &str) {
    let mut command = shell(folder, commands);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{commands}\nfailed:\n{errors}");
}

/// Returns a command that runs in the folder as a reader's shell does.
fn shell(folder: &Path, commands: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-e", "-c", commands])
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .env("HOME", folder)
        .env("PIP_NO_INDEX", "1")
        .env("PIP_FIND_LINKS", WHEELS)
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        .stdin(Stdio::null())
        .process_group(0);
    command
}

/// Copies the wheel of the Python client into a folder.
fn copy_client(folder: &Path) {
    let wheels = std::fs::read_dir(WHEELS).expect("run make .tutorials");
    let mut wheels = wheels.map(|wheel| wheel.unwrap().path());
    let client = wheels.find(|wheel| wheel.to_str().unwrap().contains("/channelstream_client-"));
    let client = client.expect("there is no wheel of the client: run make .tutorials");
    std::fs::copy(&client, folder.join(client.file_name().unwrap())).unwrap();
}

/// Returns a port on which nothing listens.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn a_page_is_taken_apart_into_files_and_commands() {
    let page = "# Chat\n\n```sh\nmake it\n```\n\nCreate the file `a/b.py`, or so:\n\n\
                ```python\nprint(1)\n\nprint(2)\n```\n\nEnd.\n";
    let [
        Step::Run("make it"),
        Step::File {
            name: "a/b.py",
            text: "print(1)\n\nprint(2)",
        },
    ] = *steps(page)
    else {
        panic!("{:?}", steps(page));
    };
}
