//! The calls that the demo's page makes to its backend.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::web::{Data, Json, Payload};
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

/// Reads what the page sent.
async fn read_json<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
) -> Result<T, DemoError> {
    let bytes = read_body(request, payload.into_inner())
        .await
        .map_err(|error| DemoError::Bad(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| DemoError::Bad(error.to_string()))
}

/// Joins the chat, as a new user or as one who comes back.
pub(super) async fn join(
    request: HttpRequest,
    payload: Payload,
    backend: Data<Backend>,
) -> Result<Json<Value>, DemoError> {
    let join: JoinRequest = read_json(&request, payload).await?;
    let user = join.user()?;
    refuse_other_channels(&join.channels)?;
    let before = backend
        .tokens
        .read(&join.token)
        .filter(|member| member.user == user)
        .map(|member| member.owner);
    if let Some(owner) = backend.owner(&user).await?
        && before != Some(owner)
    {
        return Err(DemoError::NameTaken);
    }
    let member = DemoMember {
        conn_id: Uuid::new_v4(),
        owner: before.unwrap_or_else(Uuid::new_v4),
        user,
    };
    let connect = json!({
        "username": member.user,
        "conn_id": member.conn_id,
        "channels": join.channels,
        "fresh_user_state": {"owner": member.owner},
        "user_state": filter_public(&join.state),
        "state_public_keys": PUBLIC_KEYS,
        "channel_configs": channel_configs(),
        "info": {"return_public_state": true},
    });
    let mut answer = backend.call(Method::POST, "/connect", &connect).await?;
    if find_owner(answer.get("state")) != member.owner {
        // Somebody took the name in the meantime.
        backend
            .call(
                Method::POST,
                "/disconnect",
                &json!({"conn_id": member.conn_id}),
            )
            .await?;
        return Err(DemoError::NameTaken);
    }
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("token".to_owned(), backend.tokens.issue(&member).into());
    }
    Ok(Json(answer))
}

/// Subscribes the member's connection to channels.
pub(super) async fn subscribe(
    request: HttpRequest,
    payload: Payload,
    backend: Data<Backend>,
) -> Result<Json<Value>, DemoError> {
    change_channels(&request, payload, &backend, "/subscribe").await
}

/// Unsubscribes the member's connection from channels.
pub(super) async fn unsubscribe(
    request: HttpRequest,
    payload: Payload,
    backend: Data<Backend>,
) -> Result<Json<Value>, DemoError> {
    change_channels(&request, payload, &backend, "/unsubscribe").await
}

async fn change_channels(
    request: &HttpRequest,
    payload: Payload,
    backend: &Backend,
    path: &str,
) -> Result<Json<Value>, DemoError> {
    let ChannelsRequest {
        conn_id,
        channels,
        token,
    } = read_json(request, payload).await?;
    let member = backend.member(&token).await?;
    if conn_id != member.conn_id {
        return Err(DemoError::OtherConnection);
    }
    refuse_other_channels(&channels)?;
    let body = json!({"conn_id": conn_id, "channels": channels, "channel_configs": channel_configs(),
                      "info": {"return_public_state": true}});
    backend.call(Method::POST, path, &body).await.map(Json)
}

/// Sets values of the member's state.
pub(super) async fn set_state(
    request: HttpRequest,
    payload: Payload,
    backend: Data<Backend>,
) -> Result<Json<Value>, DemoError> {
    let StateRequest {
        update_state,
        token,
    } = read_json(&request, payload).await?;
    let body = json!({"user": backend.member(&token).await?.user, "user_state": filter_public(&update_state)});
    backend
        .call(Method::POST, "/user_state", &body)
        .await
        .map(Json)
}

/// Publishes a message of the member.
pub(super) async fn publish(
    request: HttpRequest,
    payload: Payload,
    backend: Data<Backend>,
) -> Result<Json<Value>, DemoError> {
    let message: DemoMessage = read_json(&request, payload).await?;
    let DemoMember { user, .. } = backend.member(&message.token).await?;
    let parts = json!({"uuid": backend.authors.make_id(&user), "user": user, "message": message.content()?});
    send(&backend, Method::POST, parts, message.destination(&user)?).await
}

/// Edits a message of the member.
pub(super) async fn edit(
    request: HttpRequest,
    payload: Payload,
    backend: Data<Backend>,
) -> Result<Json<Value>, DemoError> {
    let (message, user) = read_own_message(&request, payload, &backend).await?;
    send(
        &backend,
        Method::PATCH,
        json!({"uuid": message.uuid, "message": message.content()?}),
        message.destination(&user)?,
    )
    .await
}

/// Deletes a message of the member.
pub(super) async fn delete(
    request: HttpRequest,
    payload: Payload,
    backend: Data<Backend>,
) -> Result<Json<Value>, DemoError> {
    let (message, user) = read_own_message(&request, payload, &backend).await?;
    send(
        &backend,
        Method::DELETE,
        json!({"uuid": message.uuid}),
        message.destination(&user)?,
    )
    .await
}

/// Reads what the author of a message does with it.
///
/// # Errors
/// Fails when the caller is not the author.
async fn read_own_message(
    request: &HttpRequest,
    payload: Payload,
    backend: &Backend,
) -> Result<(DemoMessage, String), DemoError> {
    let message: DemoMessage = read_json(request, payload).await?;
    let DemoMember { user, .. } = backend.member(&message.token).await?;
    if backend.authors.wrote(&user, message.uuid) {
        Ok((message, user))
    } else {
        Err(DemoError::NotYours)
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
