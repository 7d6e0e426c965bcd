//! What the demo's page asks of its backend.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::web::{Data, Json, Payload};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use super::backend::{Backend, NotDone, owner_in};
use super::member::{Member, PREFIX, is_of_demo};
use crate::validation::body;

/// Each shows something else.
const CHANNELS: [&str; 3] = ["demo:lobby", "demo:ideas", "demo:quiet"];

const PUBLIC_KEYS: [&str; 2] = ["color", "status"];

const LONGEST_NAME: usize = 256;
const LONGEST_TEXT: usize = 1000;

fn channel_configs() -> Value {
    let lively = |history_size: u32| {
        json!({"notify_presence": true, "notify_state": true, "broadcast_presence_with_user_lists": true,
               "store_history": true, "history_size": history_size})
    };
    let quiet = json!({"notify_presence": false, "store_history": false});
    json!({"demo:lobby": lively(50), "demo:ideas": lively(20), "demo:quiet": quiet})
}

async fn asked<T: DeserializeOwned>(request: &HttpRequest, payload: Payload) -> Result<T, NotDone> {
    let bytes = body::read(request, payload.into_inner())
        .await
        .map_err(|error| NotDone::Bad(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| NotDone::Bad(error.to_string()))
}

/// Refuses channels that are not the demo's.
fn only_own(channels: &[String]) -> Result<(), NotDone> {
    match channels
        .iter()
        .find(|channel| !CHANNELS.contains(&channel.as_str()))
    {
        Some(other) => Err(NotDone::Bad(format!(
            "The demo has no channel {other:?}. Its channels are {}.",
            CHANNELS.join(", ")
        ))),
        None => Ok(()),
    }
}

/// The public part of a state, checked.
fn public(state: &Value) -> Value {
    let text = |key: &&str| {
        let text = state.get(*key)?.as_str()?;
        (text.chars().count() <= 40).then(|| ((*key).to_owned(), Value::from(text)))
    };
    Value::Object(PUBLIC_KEYS.iter().filter_map(text).collect())
}

#[derive(Deserialize)]
pub(super) struct Join {
    /// Without the prefix.
    username: String,
    #[serde(default)]
    channels: Vec<String>,
    #[serde(default)]
    state: Value,
    /// The token of somebody who joined before and comes back.
    #[serde(default)]
    token: String,
}

pub(super) async fn connect(
    request: HttpRequest,
    payload: Payload,
    backend: Data<Backend>,
) -> Result<Json<Value>, NotDone> {
    let Join {
        username,
        channels,
        state,
        token,
    } = asked(&request, payload).await?;
    let name = username.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(NotDone::Bad(format!(
            "A name has 1 to {LONGEST_NAME} characters."
        )));
    }
    only_own(&channels)?;
    let user = format!("{PREFIX}{name}");
    let before = backend
        .tokens
        .read(&token)
        .filter(|member| member.user == user)
        .map(|member| member.owner);
    if let Some(owner) = backend.owner(&user).await?
        && before != Some(owner)
    {
        return Err(NotDone::NameTaken);
    }
    let member = Member {
        conn_id: Uuid::new_v4(),
        owner: before.unwrap_or_else(Uuid::new_v4),
        user,
    };
    let connect = json!({
        "username": member.user,
        "conn_id": member.conn_id,
        "channels": channels,
        "fresh_user_state": {"owner": member.owner},
        "user_state": public(&state),
        "state_public_keys": PUBLIC_KEYS,
        "channel_configs": channel_configs(),
        "info": {"return_public_state": true},
    });
    let mut answer = backend.call(Method::POST, "/connect", &connect).await?;
    if owner_in(answer.get("state")) != member.owner {
        // Somebody took the name in the meantime.
        backend
            .call(
                Method::POST,
                "/disconnect",
                &json!({"conn_id": member.conn_id}),
            )
            .await?;
        return Err(NotDone::NameTaken);
    }
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("token".to_owned(), backend.tokens.issue(&member).into());
    }
    Ok(Json(answer))
}

#[derive(Deserialize)]
pub(super) struct Channels {
    conn_id: Uuid,
    channels: Vec<String>,
    token: String,
}

pub(super) async fn subscribe(
    request: HttpRequest,
    payload: Payload,
    backend: Data<Backend>,
) -> Result<Json<Value>, NotDone> {
    change_channels(&request, payload, &backend, "/subscribe").await
}

pub(super) async fn unsubscribe(
    request: HttpRequest,
    payload: Payload,
    backend: Data<Backend>,
) -> Result<Json<Value>, NotDone> {
    change_channels(&request, payload, &backend, "/unsubscribe").await
}

async fn change_channels(
    request: &HttpRequest,
    payload: Payload,
    backend: &Backend,
    path: &str,
) -> Result<Json<Value>, NotDone> {
    let Channels {
        conn_id,
        channels,
        token,
    } = asked(request, payload).await?;
    let member = backend.member(&token).await?;
    if conn_id != member.conn_id {
        return Err(NotDone::OtherConnection);
    }
    only_own(&channels)?;
    let body = json!({"conn_id": conn_id, "channels": channels, "channel_configs": channel_configs(),
                      "info": {"return_public_state": true}});
    backend.call(Method::POST, path, &body).await.map(Json)
}

#[derive(Deserialize)]
pub(super) struct Update {
    update_state: Value,
    token: String,
}

pub(super) async fn user_state(
    request: HttpRequest,
    payload: Payload,
    backend: Data<Backend>,
) -> Result<Json<Value>, NotDone> {
    let Update {
        update_state,
        token,
    } = asked(&request, payload).await?;
    let body =
        json!({"user": backend.member(&token).await?.user, "user_state": public(&update_state)});
    backend
        .call(Method::POST, "/user_state", &body)
        .await
        .map(Json)
}

/// A message, new or changed: to a channel, or to one user.
#[derive(Deserialize)]
pub(super) struct Said {
    #[serde(default)]
    uuid: Uuid,
    channel: Option<String>,
    to: Option<String>,
    #[serde(default)]
    text: String,
    token: String,
}

impl Said {
    /// Where it goes: `channel` and `pm_users` of a call.
    fn destination(&self, user: &str) -> Result<Value, NotDone> {
        match (&self.channel, &self.to) {
            (Some(channel), None) => {
                only_own(std::slice::from_ref(channel)).map(|()| json!({"channel": channel}))
            }
            (None, Some(to)) if is_of_demo(to) => Ok(json!({"pm_users": [user, to]})),
            (None, Some(to)) => Err(NotDone::Bad(format!(
                "The demo has no user {to:?}. The names of its users begin with {PREFIX}"
            ))),
            _ => Err(NotDone::Bad(
                "A message goes to a channel of the demo, or to a user.".to_owned(),
            )),
        }
    }

    fn content(&self) -> Result<Value, NotDone> {
        let text = self.text.trim();
        if text.is_empty() || text.chars().count() > LONGEST_TEXT {
            return Err(NotDone::Bad(format!(
                "A message has 1 to {LONGEST_TEXT} characters."
            )));
        }
        Ok(json!({"text": text, "to": self.to}))
    }
}

pub(super) async fn message(
    request: HttpRequest,
    payload: Payload,
    backend: Data<Backend>,
) -> Result<Json<Value>, NotDone> {
    let said: Said = asked(&request, payload).await?;
    let Member { user, .. } = backend.member(&said.token).await?;
    let parts =
        json!({"uuid": backend.authors.id(&user), "user": user, "message": said.content()?});
    send(&backend, Method::POST, parts, said.destination(&user)?).await
}

pub(super) async fn edit(
    request: HttpRequest,
    payload: Payload,
    backend: Data<Backend>,
) -> Result<Json<Value>, NotDone> {
    let (said, user) = own(&request, payload, &backend).await?;
    send(
        &backend,
        Method::PATCH,
        json!({"uuid": said.uuid, "message": said.content()?}),
        said.destination(&user)?,
    )
    .await
}

pub(super) async fn delete(
    request: HttpRequest,
    payload: Payload,
    backend: Data<Backend>,
) -> Result<Json<Value>, NotDone> {
    let (said, user) = own(&request, payload, &backend).await?;
    send(
        &backend,
        Method::DELETE,
        json!({"uuid": said.uuid}),
        said.destination(&user)?,
    )
    .await
}

/// What is said of a message, by its author.
async fn own(
    request: &HttpRequest,
    payload: Payload,
    backend: &Backend,
) -> Result<(Said, String), NotDone> {
    let said: Said = asked(request, payload).await?;
    let Member { user, .. } = backend.member(&said.token).await?;
    if backend.authors.wrote(&user, said.uuid) {
        Ok((said, user))
    } else {
        Err(NotDone::NotYours)
    }
}

async fn send(
    backend: &Backend,
    method: Method,
    mut parts: Value,
    destination: Value,
) -> Result<Json<Value>, NotDone> {
    if let (Some(parts), Value::Object(destination)) = (parts.as_object_mut(), destination) {
        parts.extend(destination);
    }
    backend
        .call(method, "/message", &json!([parts]))
        .await
        .map(Json)
}
