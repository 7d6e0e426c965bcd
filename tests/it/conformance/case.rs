//! Runs one case, step by step.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Client, Method, Response, redirect};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use super::matching::compare;
use crate::support::signing::{now, sign};
use crate::support::websocket::WebSocket;

type Outcome = Result<(), String>;

struct Run {
    /// The nodes, which take the steps in turn.
    addresses: Vec<String>,
    turn: usize,
    http: Client,
    with_cookies: Client,
    variables: HashMap<String, String>,
    /// The open websockets by name, or `None` if the handshake was refused.
    sockets: HashMap<String, Option<WebSocket>>,
    polls: HashMap<String, JoinHandle<(Duration, Response)>>,
}

/// Runs a case against one server, or against nodes that take the requests in turn.
pub(crate) async fn run(addresses: &[String], case: &Value) -> Outcome {
    let client = || {
        Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
    };
    let mut variables: HashMap<_, _> = (1..=5)
        .map(|n| (format!("id{n}"), Uuid::new_v4().to_string()))
        .collect();
    variables.insert(
        "run".to_owned(),
        Uuid::new_v4().simple().to_string()[..10].to_owned(),
    );
    let mut run = Run {
        addresses: addresses.to_vec(),
        turn: 0,
        http: client().build().unwrap(),
        with_cookies: client().cookie_store(true).build().unwrap(),
        variables,
        sockets: HashMap::new(),
        polls: HashMap::new(),
    };
    for (index, step) in case["steps"].as_array().unwrap().iter().enumerate() {
        let outcome = run.step(step).await;
        outcome.map_err(|reason| {
            format!(
                "step {index} ({}): {reason}",
                step.as_object().unwrap().keys().next().unwrap()
            )
        })?;
    }
    Ok(())
}

impl Run {
    /// Returns the server for the next request.
    fn address(&mut self) -> String {
        self.turn += 1;
        self.addresses[self.turn % self.addresses.len()].clone()
    }

    async fn step(&mut self, step: &Value) -> Outcome {
        let step = &self.filled(step);
        let named = |kind: &str| step.get(kind);
        if let Some(request) = named("http") {
            return self.http(request, step).await;
        }
        if let Some(open) = named("ws_open") {
            return self.open(open).await;
        }
        if let Some(expected) = named("ws_messages") {
            let messages = expected["messages"].as_array().unwrap();
            let socket = self.socket(expected)?;
            let found = socket
                .events(
                    messages.len(),
                    millis(&expected["within_ms"]),
                    millis(&expected["quiet_ms"]),
                )
                .await;
            return compare(&expected["messages"], &Value::Array(found), "");
        }
        if let Some(expected) = named("ws_heartbeats") {
            let heartbeats = self.socket(expected)?.heartbeats();
            let enough = heartbeats as u64 >= expected["at_least"].as_u64().unwrap();
            return if enough {
                Ok(())
            } else {
                Err(format!("only {heartbeats} heartbeats"))
            };
        }
        if let Some(send) = named("ws_send") {
            self.socket(send)?
                .send(Message::text(send["text"].as_str().unwrap()));
            return Ok(());
        }
        if let Some(close) = named("ws_close") {
            self.socket(close)?.close();
            return Ok(());
        }
        if let Some(closed) = named("ws_closed") {
            let within = closed
                .get("within_ms")
                .map_or(Duration::from_secs(2), millis);
            let Some(socket) = self
                .sockets
                .get_mut(closed["on"].as_str().unwrap())
                .unwrap()
            else {
                return Ok(());
            };
            return socket
                .ended(within)
                .await
                .map(|_| ())
                .ok_or_else(|| "still open".to_owned());
        }
        if let Some(listen) = named("listen") {
            let address = self.address();
            let request = self
                .http
                .get(format!("http://{address}/listen"))
                .query(&listen["query"]);
            let start = Instant::now();
            let poll = tokio::spawn(async move {
                let response = request.send().await.unwrap();
                (start.elapsed(), response)
            });
            self.polls
                .insert(listen["as"].as_str().unwrap().to_owned(), poll);
            // Nothing shows from outside that a poll has arrived. The case assumes it after this
            // time.
            tokio::time::sleep(Duration::from_millis(150)).await;
            return Ok(());
        }
        if let Some(result) = named("listen_result") {
            let (elapsed, response) = self
                .polls
                .remove(result["on"].as_str().unwrap())
                .unwrap()
                .await
                .unwrap();
            if let Some(range) = result.get("seconds") {
                let range = range[0].as_f64().unwrap()..=range[1].as_f64().unwrap();
                if !range.contains(&elapsed.as_secs_f64()) {
                    return Err(format!("answered after {elapsed:?}"));
                }
            }
            return check(&step["expect"], response).await.map(|_| ());
        }
        if let Some(wait) = named("sleep_ms") {
            tokio::time::sleep(millis(wait)).await;
            return Ok(());
        }
        Err("unknown step".to_owned())
    }

    async fn http(&mut self, request: &Value, step: &Value) -> Outcome {
        let path = request["path"].as_str().unwrap();
        let address = self.address();
        let method = Method::from_bytes(request["method"].as_str().unwrap().as_bytes()).unwrap();
        let http = if request.get("cookies").is_some() {
            &self.with_cookies
        } else {
            &self.http
        };
        let mut call = http.request(method, format!("http://{address}{path}"));
        if let Some(query) = request.get("query") {
            call = call.query(query);
        }
        let valid = sign("secret", path, now());
        let header = match request
            .get("sign")
            .and_then(Value::as_str)
            .unwrap_or("valid")
        {
            "valid" => Some(valid),
            "word" => Some(sign("secret", "channelstream", now())),
            "query" => {
                call = call.query(&json!({"secret": valid}));
                None
            }
            "none" => None,
            "garbage" => Some("garbage".to_owned()),
            "tampered" => Some(format!("x{valid}")),
            "wrong_secret" => Some(sign("wrong", path, now())),
            "expired" => Some(sign("secret", path, now() - 3600)),
            other => return Err(format!("unknown way to sign: {other}")),
        };
        let mut headers = HeaderMap::new();
        if let Some(signature) = header {
            headers.insert("x-channelstream-secret", signature.parse().unwrap());
        }
        if let Some(json) = request.get("json") {
            headers.insert("content-type", "application/json".parse().unwrap());
            call = call.body(json.to_string());
        } else if let Some(body) = request.get("body") {
            headers.insert("content-type", "application/json".parse().unwrap());
            call = call.body(body.as_str().unwrap().to_owned());
        } else if let Some(form) = request.get("form") {
            call = call.form(form);
        }
        for (name, value) in request
            .get("headers")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            headers.insert(
                name.parse::<HeaderName>().unwrap(),
                value.as_str().unwrap().parse().unwrap(),
            );
        }
        let response = call
            .headers(headers)
            .send()
            .await
            .map_err(|error| format!("no answer: {error:?}"))?;
        let expect = step.get("expect").cloned().unwrap_or_else(|| json!({}));
        let answer = check(&expect, response).await?;
        for (variable, pointer) in step
            .get("capture")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let value = answer
                .pointer(pointer.as_str().unwrap())
                .and_then(Value::as_str)
                .ok_or("nothing to capture")?;
            self.variables.insert(variable.clone(), value.to_owned());
        }
        Ok(())
    }

    async fn open(&mut self, open: &Value) -> Outcome {
        let query = reqwest::Url::parse_with_params("ws://x/", pairs(open.get("query"))).unwrap();
        let url = format!(
            "ws://{}/ws?{}",
            self.address(),
            query.query().unwrap_or_default()
        );
        let socket = match WebSocket::open_with(&url).await {
            Ok(socket) => Some(socket),
            Err(_) if open.get("may_refuse").is_some() => None,
            Err(error) => return Err(error.to_string()),
        };
        self.sockets
            .insert(open["as"].as_str().unwrap().to_owned(), socket);
        Ok(())
    }

    fn socket(&mut self, step: &Value) -> Result<&mut WebSocket, String> {
        self.sockets
            .get_mut(step["on"].as_str().unwrap())
            .and_then(Option::as_mut)
            .ok_or_else(|| "no such socket".to_owned())
    }

    /// Returns the value with all variables replaced, in keys too.
    fn filled(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.filled_text(text)),
            Value::Array(items) => items.iter().map(|item| self.filled(item)).collect(),
            Value::Object(map) => map
                .iter()
                .map(|(key, value)| (self.filled_text(key), self.filled(value)))
                .collect(),
            other => other.clone(),
        }
    }

    fn filled_text(&self, text: &str) -> String {
        self.variables
            .iter()
            .fold(text.to_owned(), |text, (name, value)| {
                text.replace(&format!("{{{name}}}"), value)
            })
    }
}

fn pairs(query: Option<&Value>) -> Vec<(String, String)> {
    query
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()))
        .collect()
}

fn millis(value: &Value) -> Duration {
    Duration::from_millis(value.as_u64().unwrap_or_default())
}

async fn check(expect: &Value, response: Response) -> Result<Value, String> {
    let status = json!(response.status().as_u16());
    let allowed = expect.get("status").cloned().unwrap_or(json!(200));
    let headers = response.headers().clone();
    let text = response.text().await.map_err(|error| error.to_string())?;
    let is_allowed = allowed == status
        || allowed
            .as_array()
            .is_some_and(|allowed| allowed.contains(&status));
    if !is_allowed {
        return Err(format!("expected status {allowed}, found {status}: {text}"));
    }
    for (name, expected) in expect
        .get("headers")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let found = headers
            .get(name)
            .ok_or_else(|| format!("no header {name}"))?
            .to_str()
            .unwrap();
        compare(expected, &json!(found), name)?;
    }
    if let Some(expected) = expect.get("text").and_then(Value::as_str)
        && expected != text
    {
        return Err(format!("expected text {expected}, found {text}"));
    }
    let answer = serde_json::from_str(&text).unwrap_or(Value::Null);
    if let Some(expected) = expect.get("json") {
        compare(expected, &answer, "")?;
    }
    Ok(answer)
}
