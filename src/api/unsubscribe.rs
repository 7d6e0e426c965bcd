//! `POST /unsubscribe`: takes a connection out of channels.

use actix_web::web::{Data, Json};
use channelstream_actors::broker::Broker;
use channelstream_actors::name::ChannelName;
use channelstream_actors::protocol::info::Info;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::subscribe::SubscribeRequest;
use crate::error::ApiError;
use crate::openapi::answers::SignedErrors;
use crate::signature::Signed;
use crate::validation::body::{Body, UNKNOWN_CONNECTION};

/// The channels left to the connection, and those it was taken out of.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnsubscribeAnswer {
    channels: Vec<ChannelName>,
    channels_info: Info,
    unsubscribed_from: Vec<ChannelName>,
}

/// Takes a connection out of channels; those it is not in are passed over.
#[utoipa::path(post, path = "/unsubscribe", tag = "users", request_body = SubscribeRequest,
    responses((status = 200, description = "The channels left to the connection, and those it was taken out of", body = UnsubscribeAnswer), SignedErrors), security(("signature" = [])))]
pub async fn unsubscribe(
    _: Signed,
    broker: Data<Broker>,
    Body(request): Body<SubscribeRequest>,
) -> Result<Json<UnsubscribeAnswer>, ApiError> {
    let subscriptions = broker.unsubscribe(request.conn_id, request.channels).await;
    let subscriptions = subscriptions.map_err(|error| ApiError::not_done(error, "conn_id", UNKNOWN_CONNECTION))?;
    let channels_info = broker.info(Some(subscriptions.channels.clone()), &request.info).await;
    Ok(Json(UnsubscribeAnswer { channels: subscriptions.channels, channels_info, unsubscribed_from: subscriptions.changed }))
}
