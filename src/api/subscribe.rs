//! `POST /subscribe`: subscribes a connection to channels.

use std::collections::HashMap;

use actix_web::post;
use actix_web::web::Data;
use channelstream_actors::broker::Broker;
use channelstream_actors::core::connection::Subscriptions;
use channelstream_actors::error::{NotDone, Refused};
use channelstream_actors::name::{ChannelName, ConnId};
use channelstream_actors::protocol::config::ChannelConfig;
use channelstream_actors::protocol::info::{Info, InfoOptions};
use serde::Serialize;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};

use crate::answer::LargeJson;
use crate::api::channel_config::channel_configs;
use crate::api::info::info_options;
use crate::error::ApiError;
use crate::error_name::ErrorName;
use crate::extractors::body::Body;
use crate::extractors::signed::Signed;
use crate::openapi::answers::{CommonErrors, HttpsOnly, InvalidBody, SignedErrors};
use crate::services::Services;
use crate::validation::body::unknown_connection;
use crate::validation::describer::describe_table;
use crate::validation::errors::{Errors, NULL};
use crate::validation::facts::Lookup;
use crate::validation::fields::{Fields, Table, field};
use crate::validation::parameters::CONN_ID;
use crate::validation::rules::{CHANNEL, bounded, name, non_empty_list, parse_uuid, uuid};

/// The request of `/subscribe` and `/unsubscribe`.
#[derive(Debug)]
pub struct SubscribeRequest {
    pub(super) conn_id: ConnId,
    pub(super) channels: Vec<ChannelName>,
    pub(super) channel_configs: HashMap<ChannelName, ChannelConfig>,
    pub(super) info: InfoOptions,
}

impl Table for SubscribeRequest {
    type Value = Self;
    const ABOUT: &'static str = "A connection, and the channels that it subscribes to or leaves.";

    fn visit_fields(fields: &mut impl Fields) -> Option<Self> {
        const CHANNELS: &str =
            "The channels that the connection subscribes to or leaves. At least one is required.";
        let most = fields.facts().limits.channels;
        let conn_id = known_connection(fields);
        let channels = fields.required(
            field("channels", CHANNELS).example(r#"["news"]"#),
            bounded(non_empty_list(name(CHANNEL)), most, Vec::len),
        );
        let channel_configs = channel_configs(fields);
        let info = info_options(fields);
        Some(Self {
            conn_id: conn_id?,
            channels: channels?,
            channel_configs: channel_configs?,
            info: info?,
        })
    }
}

describe_table!(SubscribeRequest);

/// Visits the field `conn_id`. The id in the body takes precedence over the id in the query. If
/// both are absent, the field counts as null.
fn known_connection(fields: &mut impl Fields) -> Option<ConnId> {
    const ABOUT: &str = "The id of an open connection, in any usual spelling of a UUID. It may be \
                         in the query instead.";
    let conn_id = field("conn_id", ABOUT).example(r#""7d444840-9dc0-11d1-b245-5ffdce74fad2""#);
    let conn_id = fields.or_else(conn_id, uuid(), |facts| match &facts.conn_id {
        None => Err(Errors::explained(
            ErrorName::MissingField,
            NULL,
            "the key \"conn_id\" is missing in both the body and the query.",
        )),
        Some(text) => parse_uuid(text)
            .map(ConnId::from)
            .ok_or_else(|| Errors::message(ErrorName::NotAUuid, "Not a valid UUID.")),
    })?;
    fields.look_up("conn_id", Lookup::Connection(conn_id));
    Some(conn_id)
}

/// The query parameter that names the connection.
pub(super) struct SubscribeQuery;

impl IntoParams for SubscribeQuery {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "The id of an open connection. It is used if the body has no `conn_id`.";
        vec![CONN_ID.about(about).optional()]
    }
}

/// The channels of a connection after it subscribed.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubscribeAnswer {
    /// All channels that the connection listens to, sorted.
    channels: Vec<ChannelName>,
    /// All channels of the connection, in the detail that `info` asks for.
    channels_info: Info,
    /// The channels that are new to the connection, sorted.
    subscribed_to: Vec<ChannelName>,
}

/// Subscribes a connection to channels.
///
/// Channels that do not exist are created.
#[utoipa::path(
    tag = "users",
    operation_id = "subscribe",
    params(SubscribeQuery),
    request_body(content = SubscribeRequest,
        description = "The connection, and the channels to subscribe to."),
    responses(
        (status = 200, body = SubscribeAnswer,
            description = "All channels of the connection, and the channels that are new to it."),
        CommonErrors, HttpsOnly, InvalidBody, SignedErrors,
    ),
    security(("signature" = [])),
)]
#[post("/subscribe")]
pub(crate) async fn subscribe(
    _: Signed,
    services: Data<Services>,
    Body(request): Body<SubscribeRequest>,
) -> Result<LargeJson<SubscribeAnswer>, ApiError> {
    let SubscribeRequest {
        conn_id,
        channels,
        channel_configs,
        info,
    } = request;
    let subscribed = services
        .broker
        .subscribe(conn_id, channels, channel_configs);
    let (subscriptions, channels_info) = describe(&services.broker, subscribed, &info).await?;
    Ok(LargeJson(SubscribeAnswer {
        channels: subscriptions.channels,
        channels_info,
        subscribed_to: subscriptions.changed,
    }))
}

/// Waits for a change of a connection's channels, and describes the channels that it then has.
///
/// # Errors
/// Fails when there is no such connection, or when the broker refuses the change.
pub(super) async fn describe(
    broker: &Broker,
    changed: impl Future<Output = Result<Subscriptions, NotDone>>,
    info: &InfoOptions,
) -> Result<(Subscriptions, Info), ApiError> {
    let subscriptions = changed
        .await
        .map_err(|error| ApiError::not_done(error, "conn_id", unknown_connection()))?;
    let channels_info = broker
        .info(Some(subscriptions.channels.clone()), info)
        .await
        .map_err(Refused::after_change)?;
    Ok((subscriptions, channels_info))
}
