//! The browser client when a page closes it at a bad moment, or when the application answers badly.

use serde_json::json;

use crate::connecting::{PAGE, open};
use crate::support::application::{Application, Call};
use crate::support::browser::Browser;
use crate::support::client::Backend;
use crate::support::server::Server;

/// An application that passes all calls on.
async fn application(server: &Server) -> Application {
    let backend = Backend::of(server);
    Application::start(PAGE, move |call| {
        let backend = backend.clone();
        async move { call.pass_on(&backend).await }
    })
    .await
}

fn paths(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| call.path.split('?').next().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_carries_what_it_was_given_whatever_the_page_does_with_it_afterwards() {
    let server = Server::start(&[]);
    let browser = Browser::start().await;
    let mut application = application(&server).await;
    let window = open(&browser, &application, &server).await;
    window
        .run(
            "const channels = ['quiet'];
             connection.addMutator('message', ({ body }) => (body.user = 'alice'));
             connection.connect();
             const subscribed = connection.subscribe(channels);
             channels.length = 0;
             await subscribed;
             const draft = { channel: 'lobby', message: { n: 1 } };
             const sent = connection.message(draft);
             draft.message = { n: 2 };
             await sent;",
        )
        .await;
    let calls = application.calls();
    assert_eq!(paths(&calls), ["/connect", "/subscribe", "/message"]);
    assert_eq!(calls[1].body["channels"], json!(["quiet"]));
    assert_eq!(calls[2].body, json!({"channel": "lobby", "message": {"n": 1}, "user": "alice"}));
}
