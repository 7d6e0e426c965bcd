//! `/info`: tells of channels and their users.

use actix_web::web::{Data, Json};
use channelstream_actors::broker::Broker;
use channelstream_actors::name::ChannelName;
use channelstream_actors::protocol::info::{Info, InfoOptions};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::openapi::answers::SignedErrors;
use crate::signature::Signed;
use crate::validation::body::{Body, Checked, Facts, FromBody};
use crate::validation::errors::Errors;
use crate::validation::fields::Fields;
use crate::validation::rules::{CHANNEL, boolean, list, name, nested};

/// How much to tell.
#[derive(ToSchema)]
#[expect(dead_code, reason = "says what a body looks like; it is read field by field into `InfoOptions`")]
pub struct InfoQuery {
    /// Which channels; absent: all. Has a say in `/info` only.
    #[schema(required = false, example = json!(["news"]))]
    channels: Vec<String>,
    /// Which not.
    #[schema(required = false)]
    exclude_channels: Vec<String>,
    /// With their history.
    #[schema(required = false, default = true)]
    include_history: bool,
    /// With their users.
    #[schema(required = false, default = true)]
    include_users: bool,
    /// Of a user's state only the public part.
    #[schema(required = false, default = false)]
    return_public_state: bool,
}

/// What the caller asks for; no body: everything.
#[derive(ToSchema)]
#[expect(dead_code, reason = "says what a body looks like")]
pub struct InfoBody {
    info: InfoQuery,
}

/// What the caller asks for; nothing: everything.
#[derive(Debug, Default)]
pub struct InfoRequest {
    /// `None`: all.
    channels: Option<Vec<ChannelName>>,
    options: InfoOptions,
}

impl FromBody for InfoRequest {
    fn from_body(body: &RawValue, _: &Facts) -> Checked<Self> {
        match Fields::new(body) {
            // Its first field is an object, so the original words this differently.
            Err(_) => Checked::by(Err(Errors::schema("Invalid type."))),
            Ok(fields) if fields.has("channels") && !fields.has("info") => Checked::object(body, older_request),
            Ok(_) => Checked::object(body, |fields| fields.required("info", nested(info_request))),
        }
    }

    fn from_nothing() -> Option<Self> {
        Some(Self::default())
    }
}

/// The options that `info` has in every request. `channels` has a say in `/info` only, but must be right everywhere.
pub(super) fn info_options(fields: &mut Fields<'_>) -> Option<InfoOptions> {
    info_request(fields).map(|request| request.options)
}

/// Reads the body of older releases, `{channels}`. Without a channel in the list it asks for all; other keys are ignored.
fn older_request(fields: &mut Fields<'_>) -> Option<InfoRequest> {
    let channels = fields.required("channels", list(name(CHANNEL)))?;
    Some(InfoRequest { channels: Some(channels).filter(|channels: &Vec<_>| !channels.is_empty()), options: InfoOptions::default() })
}

fn info_request(fields: &mut Fields<'_>) -> Option<InfoRequest> {
    let include_history = fields.or("include_history", || true, boolean);
    let include_users = fields.or("include_users", || true, boolean);
    let channels = fields.optional("channels", list(name(CHANNEL)));
    let exclude_channels = fields.or("exclude_channels", Vec::new, list(name(CHANNEL)));
    // Has no effect in the original either.
    let include_connections = fields.or("include_connections", || false, boolean);
    let return_public_state = fields.or("return_public_state", || false, boolean);
    include_connections?;
    let options = InfoOptions {
        include_history: include_history?,
        include_users: include_users?,
        return_public_state: return_public_state?,
        exclude_channels: exclude_channels?,
    };
    Some(InfoRequest { channels: channels?, options })
}

/// Tells of the channels asked for and of the users in them. Any method will do.
#[utoipa::path(post, path = "/info", tag = "channels", request_body = Option<InfoBody>,
    responses((status = 200, description = "The channels, and the users in them", body = Info), SignedErrors), security(("signature" = [])))]
pub async fn info(_: Signed, broker: Data<Broker>, Body(request): Body<InfoRequest>) -> Result<Json<Info>, ApiError> {
    Ok(Json(broker.info(request.channels, &request.options).await))
}
