//! An application as a user of this server writes it: it serves a page, answers the page's calls,
//! and makes signed calls itself.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::client::Backend;
use super::server::Server;

/// A call that the page makes.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    head: String,
    pub(crate) body: Value,
}

/// The status and body of an answer.
pub(crate) type Answer = (u16, Value);

pub(crate) struct Application {
    pub(crate) address: String,
    calls: UnboundedReceiver<Call>,
}

impl Call {
    /// Returns a header of the call, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Passes the call on to the server, as the demos of the original do.
    pub(crate) async fn pass_on(&self, backend: &Backend) -> Answer {
        let Self { method, body, .. } = self;
        let path = self.path.split('?').next().unwrap();
        let passed = match path {
            "/message" => json!([{
                "user": body["user"],
                "channel": body["channel"],
                "message": body["message"],
                "uuid": body.get("uuid").cloned().unwrap_or_else(|| json!(uuid::Uuid::new_v4())),
            }]),
            "/user_state" => json!({"user": body["username"], "user_state": body["update_state"]}),
            _ => body.clone(),
        };
        let response = backend
            .send(
                Method::from_bytes(method.as_bytes()).unwrap(),
                path,
                &passed,
            )
            .await;
        (response.status().as_u16(), response.json().await.unwrap())
    }
}

impl Application {
    /// Starts an application with this page at `/`. Every other path is a call, which is recorded
    /// and answered.
    pub(crate) async fn start<F>(
        page: &str,
        answer: impl Fn(Call) -> F + Clone + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (noted, calls) = unbounded_channel();
        let page = page.to_owned();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, page.clone(), noted.clone(), answer.clone()));
            }
        });
        Self { address, calls }
    }

    /// Starts an application with this page at `/` that passes every call on to the server.
    pub(crate) async fn passing_on(page: &str, server: &Server) -> Self {
        let backend = Backend::of(server);
        Self::start(page, move |call| {
            let backend = backend.clone();
            async move { call.pass_on(&backend).await }
        })
        .await
    }

    /// Does the same as [`Self::passing_on`], but each call to connect first waits for a permit.
    pub(crate) async fn passing_on_with_permits(
        page: &str,
        server: &Server,
        permits: &Arc<Semaphore>,
    ) -> Self {
        let (backend, permits) = (Backend::of(server), permits.clone());
        Self::start(page, move |call| {
            let (backend, permits) = (backend.clone(), permits.clone());
            async move {
                if call.path == "/connect" {
                    permits.acquire().await.unwrap().forget();
                }
                call.pass_on(&backend).await
            }
        })
        .await
    }

    /// Returns the next call that no test has taken.
    pub(crate) async fn call(&mut self) -> Call {
        timeout(Duration::from_secs(20), self.calls.recv())
            .await
            .expect("the page makes no call")
            .unwrap()
    }

    /// Returns all calls that no test has taken.
    pub(crate) fn calls(&mut self) -> Vec<Call> {
        std::iter::from_fn(|| self.calls.try_recv().ok()).collect()
    }
}

async fn serve<F>(
    mut socket: TcpStream,
    page: String,
    noted: UnboundedSender<Call>,
    answer: impl Fn(Call) -> F,
) where
    F: Future<Output = Answer>,
{
    // A browser opens sockets that it may never use.
    let Some(call) = read(&mut socket).await else {
        return;
    };
    let (status, kind, body) = if call.path == "/" {
        (200, "text/html", page)
    } else {
        noted.send(call.clone()).ok();
        let (status, body) = answer(call).await;
        (status, "application/json", body.to_string())
    };
    let head = format!(
        "HTTP/1.1 {status} OK\r\nContent-Type: {kind}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    socket
        .write_all(format!("{head}{body}").as_bytes())
        .await
        .ok();
}

async fn read(socket: &mut TcpStream) -> Option<Call> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(socket.read_u8().await.ok()?);
    }
    let head = String::from_utf8(bytes).unwrap();
    let mut words = head.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut call = Call {
        method,
        path,
        head,
        body: Value::Null,
    };
    let length = call
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    call.body = serde_json::from_slice(&body).unwrap_or_default();
    Some(call)
}
