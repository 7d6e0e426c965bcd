//! The calls that the demo's page makes to its backend.

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::web::{Data, Json};
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use super::backend::{Backend, find_owner};
use super::error::DemoError;
use super::member::DemoMember;
use super::requests::{
    ChannelsRequest, DemoMessage, JoinRequest, PUBLIC_KEYS, StateRequest, channel_configs,
    filter_public, refuse_other_channels,
};
use crate::extractors::body::read_body;

/// The JSON body of a call from the page.
pub(super) struct PageJson<T>(T);

impl<T: DeserializeOwned + 'static> FromRequest for PageJson<T> {
    type Error = DemoError;
    type Future = LocalBoxFuture<'static, Result<Self, DemoError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let bytes = read_body(&request, payload)
                .await
                .map_err(|error| DemoError::Invalid(error.to_string()))?;
            serde_json::from_slice(&bytes)
                .map(Self)
                .map_err(|error| DemoError::Invalid(error.to_string()))
        })
    }
}

/// Joins the chat, as a new user or as a user who comes back.
pub(super) async fn join(
    backend: Data<Backend>,
    PageJson(request): PageJson<JoinRequest>,
) -> Result<Json<Value>, DemoError> {
    let user = request.user()?;
    refuse_other_channels(&request.channels)?;
    let member = find_member(&backend, user, &request.token).await?;
    let mut answer = connect(&backend, &member, &request).await?;
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("token".to_owned(), backend.tokens.issue(&member).into());
    }
    Ok(Json(answer))
}

/// Returns the member who joins under this name: the member of the token, or a new member.
///
/// # Errors
/// Fails when the name belongs to somebody else.
async fn find_member(
    backend: &Backend,
    user: String,
    token: &str,
) -> Result<DemoMember, DemoError> {
    let before = backend
        .tokens
        .read(token)
        .filter(|member| member.user == user)
        .map(|member| member.owner);
    if let Some(owner) = backend.owner(&user).await?
        && before != Some(owner)
    {
        return Err(DemoError::NameTaken);
    }
    Ok(DemoMember {
        conn_id: Uuid::new_v4(),
        owner: before.unwrap_or_else(Uuid::new_v4),
        user,
    })
}

/// Opens the connection of a member.
///
/// # Errors
/// Fails when somebody took the name in the meantime.
async fn connect(
    backend: &Backend,
    member: &DemoMember,
    request: &JoinRequest,
) -> Result<Value, DemoError> {
    let details = json!({
        "username": member.user,
        "conn_id": member.conn_id,
        "channels": request.channels,
        "fresh_user_state": {"owner": member.owner},
        "user_state": filter_public(&request.state),
        "state_public_keys": PUBLIC_KEYS,
        "channel_configs": channel_configs(),
        "info": {"return_public_state": true},
    });
    let answer = backend.call(Method::POST, "/connect", &details).await?;
    if find_owner(answer.get("state")) == member.owner {
        return Ok(answer);
    }
    let connection = json!({"conn_id": member.conn_id});
    backend
        .call(Method::POST, "/disconnect", &connection)
        .await?;
    Err(DemoError::NameTaken)
}

/// Subscribes the member's connection to channels.
pub(super) async fn subscribe(
    backend: Data<Backend>,
    PageJson(request): PageJson<ChannelsRequest>,
) -> Result<Json<Value>, DemoError> {
    change_channels(&backend, request, "/subscribe").await
}

/// Unsubscribes the member's connection from channels.
pub(super) async fn unsubscribe(
    backend: Data<Backend>,
    PageJson(request): PageJson<ChannelsRequest>,
) -> Result<Json<Value>, DemoError> {
    change_channels(&backend, request, "/unsubscribe").await
}

async fn change_channels(
    backend: &Backend,
    request: ChannelsRequest,
    path: &str,
) -> Result<Json<Value>, DemoError> {
    let ChannelsRequest {
        conn_id,
        channels,
        token,
    } = request;
    let member = backend.member(&token).await?;
    if conn_id != member.conn_id {
        return Err(DemoError::OtherConnection);
    }
    refuse_other_channels(&channels)?;
    let body = json!({"conn_id": conn_id, "channels": channels,
                      "channel_configs": channel_configs(),
                      "info": {"return_public_state": true}});
    backend.call(Method::POST, path, &body).await.map(Json)
}

/// Sets values of the member's state.
pub(super) async fn set_state(
    backend: Data<Backend>,
    PageJson(request): PageJson<StateRequest>,
) -> Result<Json<Value>, DemoError> {
    let member = backend.member(&request.token).await?;
    let state = filter_public(&request.update_state);
    let body = json!({"user": member.user, "user_state": state});
    backend
        .call(Method::POST, "/user_state", &body)
        .await
        .map(Json)
}

/// Publishes a message of the member.
pub(super) async fn publish(
    backend: Data<Backend>,
    PageJson(message): PageJson<DemoMessage>,
) -> Result<Json<Value>, DemoError> {
    let DemoMember { user, .. } = backend.member(&message.token).await?;
    let id = backend.author_key.make_id(&user);
    let parts = json!({"uuid": id, "user": user, "message": message.content()?});
    send(&backend, Method::POST, parts, message.destination(&user)?).await
}

/// Edits a message of the member.
pub(super) async fn edit(
    backend: Data<Backend>,
    PageJson(message): PageJson<DemoMessage>,
) -> Result<Json<Value>, DemoError> {
    let user = find_author(&backend, &message).await?;
    let parts = json!({"uuid": message.uuid, "message": message.content()?});
    send(&backend, Method::PATCH, parts, message.destination(&user)?).await
}

/// Deletes a message of the member.
pub(super) async fn delete(
    backend: Data<Backend>,
    PageJson(message): PageJson<DemoMessage>,
) -> Result<Json<Value>, DemoError> {
    let user = find_author(&backend, &message).await?;
    let parts = json!({"uuid": message.uuid});
    send(&backend, Method::DELETE, parts, message.destination(&user)?).await
}

/// Returns the user who calls, if this user wrote the message.
///
/// # Errors
/// Fails when the caller is not the author.
async fn find_author(backend: &Backend, message: &DemoMessage) -> Result<String, DemoError> {
    let DemoMember { user, .. } = backend.member(&message.token).await?;
    if backend.author_key.is_author(&user, message.uuid) {
        Ok(user)
    } else {
        Err(DemoError::NotAuthor)
    }
}

async fn send(
    backend: &Backend,
    method: Method,
    mut parts: Value,
    destination: Value,
) -> Result<Json<Value>, DemoError> {
    if let (Some(parts), Value::Object(destination)) = (parts.as_object_mut(), destination) {
        parts.extend(destination);
    }
    backend
        .call(method, "/message", &json!([parts]))
        .await
        .map(Json)
}
