//! Checks that the description of the API matches the server, covers every call, and uses whole
//! sentences.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::Backend;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

/// Returns the answer of `/openapi.json`.
pub(crate) async fn description(backend: &Backend) -> Value {
    backend
        .request(Method::GET, "/openapi.json")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

async fn described() -> Value {
    let server = Server::start(&[]);
    description(&Backend::of(&server)).await
}

/// Visits every object of the description with its path, except examples and other values that
/// callers send.
fn visit(value: &Value, path: &mut Vec<String>, see: &mut impl FnMut(&[String], &Value)) {
    if value.is_object() {
        see(path, value);
    }
    let parts: Vec<(String, &Value)> = match value {
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(index, value)| (index.to_string(), value))
            .collect(),
        _ => return,
    };
    for (key, value) in parts
        .into_iter()
        .filter(|(key, _)| key != "examples" && key != "example" && key != "default")
    {
        path.push(key);
        visit(value, path, see);
        path.pop();
    }
}

/// Returns all calls as `(method, path, description)`.
fn calls(description: &Value) -> Vec<(Method, String, Value)> {
    let paths = description["paths"].as_object().unwrap();
    let calls = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(|(method, call)| {
            (
                method.to_uppercase().parse().unwrap(),
                path.clone(),
                call.clone(),
            )
        })
    });
    calls.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn descriptions_are_whole_sentences_and_each_is_about_one_thing() {
    let description = described().await;
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut fragments = Vec::new();
    visit(&description, &mut Vec::new(), &mut |path, value| {
        // A property may have this name.
        if path.last().is_some_and(|key| key == "properties") {
            return;
        }
        for text in ["summary", "description"]
            .iter()
            .filter_map(|key| value[*key].as_str())
        {
            let is_sentence = text.split_whitespace().count() >= 4
                && text.starts_with(|first: char| first.is_uppercase())
                && text.ends_with('.')
                && !text.contains(['\n', '\t'])
                && !text.contains("  ");
            if !is_sentence {
                fragments.push(format!("{}: {text}", path.join("/")));
            }
            uses.entry(text.to_owned())
                .or_default()
                .insert(value.to_string());
        }
    });
    assert!(uses.len() > 200, "found only {} descriptions", uses.len());
    assert!(fragments.is_empty(), "not whole sentences: {fragments:#?}");
    let shared: Vec<_> = uses.iter().filter(|(_, things)| things.len() > 1).collect();
    assert!(shared.is_empty(), "used for different things: {shared:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_objects_and_states_of_the_application_have_a_free_form() {
    let description = described().await;
    let mut free = Vec::new();
    visit(&description, &mut Vec::new(), &mut |path, value| {
        let is_schema = path
            .last()
            .is_some_and(|key| matches!(key.as_str(), "schema" | "items" | "additionalProperties"))
            || path.iter().rev().nth(1).is_some_and(|key| {
                matches!(
                    key.as_str(),
                    "properties" | "schemas" | "oneOf" | "anyOf" | "allOf"
                )
            });
        let says_something = ["$ref", "type", "oneOf", "anyOf", "allOf"]
            .iter()
            .any(|key| value.get(*key).is_some());
        let is_object = value["type"] == "object"
            || value["type"]
                .as_array()
                .is_some_and(|types| types.contains(&json!("object")));
        let is_bounded =
            value.get("properties").is_some() || value["additionalProperties"].is_object();
        if is_schema && (!says_something || is_object && !is_bounded) {
            free.push(path.join("/"));
        }
    });
    assert_eq!(free, ["components/schemas/Payload"]);
    assert_eq!(
        description["components"]["schemas"]["Payload"]["additionalProperties"],
        true
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_names_each_answer_that_it_can_give() {
    let description = described().await;
    for (method, path, call) in calls(&description) {
        let answers: BTreeSet<&str> = call["responses"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let can = |status| answers.contains(status);
        assert!(!can("default"), "{method} {path}");
        for status in ["400", "403", "408", "413"] {
            assert!(can(status), "{method} {path} does not name {status}");
        }
        if call["security"].is_array() {
            assert!(
                can("401") && can("422") && can("503"),
                "{method} {path}: {answers:?}"
            );
        }
        if can("422") {
            assert!(
                call["responses"]["422"]["headers"]["X-Channelstream-Hint"].is_object(),
                "{method} {path} does not name the hint"
            );
        }
        for (status, answer) in call["responses"].as_object().unwrap() {
            assert!(
                answer["content"].is_object(),
                "{method} {path} does not say what {status} looks like"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alternative_forms_of_requests_are_described() {
    let description = described().await;
    let schemas = &description["components"]["schemas"];
    let subscribe = &description["paths"]["/subscribe"]["post"];
    assert_eq!(subscribe["parameters"][0]["name"], "conn_id");
    assert_eq!(schemas["SubscribeRequest"]["required"], json!(["channels"]));
    assert_eq!(
        schemas["ConnectRequestByUser"]["properties"]["user"]["deprecated"],
        true
    );
    assert!(schemas["InfoQuery"]["properties"]["include_connections"].is_object());
    assert_eq!(
        schemas["ConnectRequest"]["anyOf"].as_array().unwrap().len(),
        2,
        "a request may have both names"
    );
    assert_eq!(
        schemas["UserStatusRequest"]["properties"]["status"]["type"],
        json!(["string", "number", "boolean"])
    );
    for method in ["get", "post"] {
        let answers = &description["paths"]["/disconnect"][method]["responses"];
        let answer = &answers["200"]["content"]["application/json"];
        assert_eq!(answer["schema"]["type"], "boolean");
    }
    assert_eq!(schemas["FlagOff"]["anyOf"].as_array().unwrap().len(), 3);
    assert_eq!(
        (
            &schemas["FlagOff"]["default"],
            &schemas["FlagOn"]["default"]
        ),
        (&json!(false), &json!(true))
    );
    assert_eq!(description["servers"][0]["url"], ".");
}

/// Returns the object to which a reference leads.
fn resolve<'a>(description: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => {
            &description["components"]["schemas"][reference.rsplit('/').next().unwrap()]
        }
        None => schema,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_requests_are_accepted() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let description = description(&backend).await;
    let mut tried = 0;
    for (method, path, call) in calls(&description) {
        let body = &call["requestBody"]["content"]["application/json"]["schema"];
        if body.is_null() {
            continue;
        }
        let schema = resolve(&description, body);
        let item = resolve(
            &description,
            if schema["items"].is_object() {
                &schema["items"]
            } else {
                schema
            },
        );
        // Takes each form if there are several, and the values of a mapping. `info` may be absent.
        for item in item["anyOf"]
            .as_array()
            .map_or_else(|| vec![item], |forms| forms.iter().collect())
        {
            let item = resolve(&description, item);
            let values = resolve(&description, &item["additionalProperties"]);
            let mut example = if values["examples"].is_array() {
                json!({"news": values["examples"][0]})
            } else {
                item["examples"][0].clone()
            };
            if example.get("conn_id").is_some() {
                example["conn_id"] = json!(backend.connect("alice", &[]).await);
            }
            let sent = if schema["items"].is_object() {
                json!([example])
            } else {
                example
            };
            assert!(!sent.is_null(), "{method} {path} has no example");
            let answer = backend.send(method.clone(), &path, &sent).await;
            assert_eq!(
                answer.status(),
                200,
                "{method} {path} {sent}: {}",
                answer.text().await.unwrap()
            );
            tried += 1;
        }
    }
    assert!(tried >= 14, "only {tried} examples were tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_match_their_description() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let description = description(&backend).await;
    let event = &description["components"]["schemas"]["Event"];
    let config = json!({"notify_presence": true, "notify_state": true});
    backend
        .post("/channel_config", json!({"room": config}))
        .await;
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    backend.connect("bob", &["room"]).await;
    backend
        .post(
            "/user_state",
            json!({"user": "bob", "user_state": {"mood": "calm"}, "state_public_keys": ["mood"]}),
        )
        .await;
    let draft =
        json!({"user": "bob", "channel": "room", "uuid": "7d444840-9dc0-11d1-b245-5ffdce74fad2"});
    backend
        .post(
            "/message",
            json!([draft, {"user": "bob", "channel": "room", "message": {"text": "hello"}}]),
        )
        .await;
    backend
        .send(Method::PATCH, "/message", &json!([draft]))
        .await;
    backend
        .send(Method::DELETE, "/message", &json!([draft]))
        .await;
    let mut heard = BTreeSet::new();
    for _ in 0..6 {
        let told = socket.event().await;
        let kind = told["type"].as_str().unwrap().to_owned();
        let schema = json!({"$ref": event["discriminator"]["mapping"][&kind]});
        let schema = resolve(&description, &schema);
        assert_eq!(schema["properties"]["type"]["enum"], json!([kind]));
        let keys: BTreeSet<&str> = told
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let properties: BTreeSet<&str> = schema["properties"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let required: BTreeSet<&str> = schema["required"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key.as_str().unwrap())
            .collect();
        assert!(
            keys.is_subset(&properties) && required.is_subset(&keys),
            "{told} is not as described: {schema}"
        );
        heard.insert(kind);
    }
    assert_eq!(
        heard.into_iter().collect::<Vec<_>>(),
        [
            "message",
            "message:delete",
            "message:edit",
            "presence",
            "user_state_change"
        ]
    );
    let mapped = event["discriminator"]["mapping"].as_object().unwrap();
    let listed: BTreeSet<&str> = event["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["$ref"].as_str().unwrap())
        .collect();
    assert_eq!(
        listed,
        mapped
            .values()
            .map(|reference| reference.as_str().unwrap())
            .collect()
    );
}

/// A change to the description changes this snapshot, for review. `INSTA_UPDATE=always` accepts the
/// new one.
#[tokio::test(flavor = "multi_thread")]
async fn the_description_matches_the_reviewed_snapshot() {
    let mut description = described().await;
    description["info"]["version"] = json!("any");
    insta::assert_json_snapshot!("description", description);
}
