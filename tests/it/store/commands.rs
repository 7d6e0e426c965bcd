//! Tests of the command `channelstream store`.

use serde_json::json;
use tokio::task::spawn_blocking;

use super::{fill, flushed, info, start};
use crate::support::client::Backend;
use crate::support::folder::Folder;
use crate::support::server::{Server, command};

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_server_is_a_file_to_start_from() {
    let folder = Folder::new();
    let server = start(&folder, &[]);
    let backend = Backend::of(&server);
    fill(&backend).await;
    let before = info(&backend).await;
    flushed(&backend).await;
    let (path, copy) = (folder.path("store.sqlite"), folder.path("copy.sqlite"));
    let port = server.address.rsplit(':').next().unwrap().to_owned();
    let run = {
        let (path, copy) = (path.clone(), copy.clone());
        move |name: &'static str, with_file: bool| {
            let mut arguments = vec![
                "--port",
                &port,
                "--store",
                "file",
                "--store-path",
                &path,
                "store",
                name,
            ];
            arguments.extend(with_file.then_some(copy.as_str()));
            command(&arguments, &[])
        }
    };
    let (code, text) = spawn_blocking({
        let run = run.clone();
        move || run("backup", true)
    })
    .await
    .unwrap();
    assert_eq!(code, Some(0), "{text}");
    // The backup is made once. The second time its file exists.
    let (code, text) = spawn_blocking({
        let run = run.clone();
        move || run("backup", true)
    })
    .await
    .unwrap();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("copy.sqlite"), "{text}");
    let (code, text) = spawn_blocking({
        let run = run.clone();
        move || run("show", false)
    })
    .await
    .unwrap();
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("users:") && text.contains("in use by"),
        "{text}"
    );
    let (code, text) = spawn_blocking(move || run("check", true)).await.unwrap();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("intact"), "{text}");
    // The backup does not hold later changes.
    backend.say("news", json!({"number": "late"})).await;
    drop(server);
    let restored = Server::start(&[("store", "file"), ("store-path", &copy)]);
    assert_eq!(info(&Backend::of(&restored)).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_stopped_server_is_a_file_to_start_from() {
    let folder = Folder::new();
    let mut server = start(&folder, &[]);
    let backend = Backend::of(&server);
    fill(&backend).await;
    let before = info(&backend).await;
    spawn_blocking(move || server.terminate()).await.unwrap();
    let (path, copy) = (folder.path("store.sqlite"), folder.path("copy.sqlite"));
    let (code, text) = command(&["--store-path", &path, "store", "backup", &copy], &[]);
    assert_eq!(code, Some(0), "{text}");
    let restored = Server::start(&[("store", "file"), ("store-path", &copy)]);
    assert_eq!(info(&Backend::of(&restored)).await, before);
}

#[test]
fn commands_say_what_is_wrong() {
    let folder = Folder::new();
    let path = folder.path("absent.sqlite");
    for name in ["show", "check"] {
        let (code, text) = command(&["store", name, &path], &[]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("absent.sqlite"), "{text}");
    }
}
