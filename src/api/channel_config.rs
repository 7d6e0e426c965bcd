//! `POST /channel_config`: configures channels.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use actix_web::post;
use actix_web::web::Data;
use channelstream_actors::broker::Broker;
use channelstream_actors::error::Refused;
use channelstream_actors::name::ChannelName;
use channelstream_actors::protocol::config::ChannelConfig;
use channelstream_actors::protocol::info::{Info, InfoOptions};
use serde_json::value::RawValue;

use crate::answer::LargeJson;
use crate::error::ApiError;
use crate::error_name::ErrorName;
use crate::extractors::body::Body;
use crate::extractors::signed::Signed;
use crate::openapi::answers::{CommonErrors, HttpsOnly, InvalidBody, SignedErrors};
use crate::services::Services;
use crate::validation::body::{Checked, FromBody};
use crate::validation::describer::describe_table;
use crate::validation::errors::Errors;
use crate::validation::facts::Facts;
use crate::validation::fields::{Fields, Table, field};
use crate::validation::json::{entries, not_null};
use crate::validation::rules::{CHANNEL, bounded, history_size, mapping_of, object};

/// The settings of a channel. Settings that are left out get their default values.
#[derive(Debug)]
pub struct ChannelSettings;

impl Table for ChannelSettings {
    type Value = ChannelConfig;
    const ABOUT: &'static str =
        "The settings of a channel. Settings that are left out get their default values.";

    fn visit_fields(fields: &mut impl Fields) -> Option<ChannelConfig> {
        const NOTIFY_PRESENCE: &str =
            "Whether the channel gets `presence` events when users come and go.";
        const STORE_HISTORY: &str =
            "Whether messages are kept for `/info`, `/connect` and `/subscribe`.";
        const HISTORY_SIZE: &str =
            "The number of messages that are kept if `store_history` is true.";
        const WITH_LISTS: &str =
            "Whether `presence` events contain the list of users who are present.";
        const NOTIFY_STATE: &str = "Whether the channel gets `user_state_change` events.";
        const STORE_FRAMES: &str = "Whether events are kept for clients that miss them.";
        let default = ChannelConfig::default();
        let most = fields.facts().limits.history_size;
        let notify_presence = fields.flag(
            field("notify_presence", NOTIFY_PRESENCE),
            default.notify_presence,
        );
        let store_history = fields.flag(
            field("store_history", STORE_HISTORY).example("true"),
            default.store_history,
        );
        let history_size = fields.or_else(
            field("history_size", HISTORY_SIZE).example("20"),
            history_size(default.history_size, most),
            |_| Ok(default.history_size.min(most.most() as u64)),
        );
        let with_lists = fields.flag(
            field("broadcast_presence_with_user_lists", WITH_LISTS),
            default.broadcast_presence_with_user_lists,
        );
        let notify_state = fields.flag(field("notify_state", NOTIFY_STATE), default.notify_state);
        let store_frames = fields.flag(field("store_frames", STORE_FRAMES), default.store_frames);
        Some(ChannelConfig {
            notify_presence: notify_presence?,
            store_history: store_history?,
            history_size: history_size?,
            broadcast_presence_with_user_lists: with_lists?,
            notify_state: notify_state?,
            store_frames: store_frames?,
        })
    }
}

describe_table!(ChannelSettings);

/// Visits the field `channel_configs` of other calls.
pub(super) fn channel_configs(
    fields: &mut impl Fields,
) -> Option<HashMap<ChannelName, ChannelConfig>> {
    const ABOUT: &str = "The settings of the channels that this call creates, by channel name.";
    let limits = fields.facts().limits;
    let configs = fields.or_empty(
        field("channel_configs", ABOUT),
        bounded(
            mapping_of::<ChannelSettings>(limits),
            limits.channels,
            BTreeMap::len,
        ),
    )?;
    Some(
        configs
            .into_iter()
            .map(|(channel, config)| (ChannelName::new(channel), config))
            .collect(),
    )
}

/// The request of `/channel_config`: settings by channel name. A name may be empty, as in the
/// original server. The maximum length of a name is the same as in other calls.
#[derive(Debug)]
pub struct ConfigRequest(BTreeMap<ChannelName, ChannelConfig>);

impl FromBody for ConfigRequest {
    /// Reports only the error of the first wrong channel, without the channel's name
    /// (`protocol.md` §3).
    fn from_body(body: &RawValue, facts: &Facts) -> Checked<Self> {
        let Some(entries) = entries(body) else {
            return Checked::from_result(Err(Errors::not_an_object(body)));
        };
        let whole = |errors| Errors::part("_schema", errors);
        if let Err(reached) = facts.limits.channels.check(entries.len()) {
            return Checked::from_result(Err(whole(reached.into())));
        }
        let rule = object::<ChannelSettings>(facts.limits);
        let config = |(channel, value): (Cow<'_, str>, _)| {
            check_length(&channel).map_err(whole)?;
            match not_null(value, &rule) {
                Ok(config) => Ok((ChannelName::new(channel), config)),
                Err(errors @ Errors::Parts(_)) => Err(errors),
                Err(errors) => Err(whole(errors)),
            }
        };
        Checked::from_result(
            entries
                .into_iter()
                .map(config)
                .collect::<Result<_, _>>()
                .map(Self),
        )
    }
}

/// Checks the length of a channel's name.
///
/// # Errors
/// Fails when the name is longer than other calls allow.
fn check_length(channel: &str) -> Result<(), Errors> {
    match channel.chars().count() {
        0..=CHANNEL => Ok(()),
        length => Err(Errors::message(
            ErrorName::WrongLength,
            format!("The name of a channel has at most {CHANNEL} characters; got {length}."),
        )),
    }
}

/// Sets the settings of channels.
///
/// Channels that do not exist are created. The answer shows the channels without their history and
/// users.
#[utoipa::path(
    tag = "channels",
    operation_id = "configure",
    request_body(content = BTreeMap<String, ChannelSettings>,
        description = "The settings to set, by channel name."),
    responses(
        (status = 200, description = "The channels that were configured, with all their settings.",
            body = Info),
        CommonErrors, HttpsOnly, InvalidBody, SignedErrors,
    ),
    security(("signature" = [])),
)]
#[post("/channel_config")]
pub(crate) async fn configure_channels(
    _: Signed,
    services: Data<Services>,
    Body(request): Body<ConfigRequest>,
) -> Result<LargeJson<Info>, ApiError> {
    configure(&services.broker, request).await.map(LargeJson)
}

/// Configures channels for the API and for the panel.
pub(crate) async fn configure(
    broker: &Broker,
    ConfigRequest(configs): ConfigRequest,
) -> Result<Info, ApiError> {
    let channels = configs.keys().cloned().collect();
    broker.configure(configs).await?;
    let options = InfoOptions {
        include_history: false,
        include_users: false,
        ..InfoOptions::default()
    };
    let info = broker.info(Some(channels), &options).await;
    Ok(info.map_err(Refused::after_change)?)
}
