//! `/info`: tells of channels and their users.

use actix_web::post;
use actix_web::web::Data;
use channelstream_actors::name::ChannelName;
use channelstream_actors::protocol::info::{Info, InfoOptions};
use serde_json::value::RawValue;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::answer::LargeJson;
use crate::extractors::body::Body;
use crate::extractors::signed::Signed;
use crate::openapi::answers::{CommonErrors, HttpsOnly, InvalidBody, SignedErrors};
use crate::services::Services;
use crate::validation::body::{Checked, FromBody};
use crate::validation::describer::describe_table;
use crate::validation::errors::{Errors, JsonKind};
use crate::validation::facts::Facts;
use crate::validation::fields::{Fields, Table, field};
use crate::validation::json::entries;
use crate::validation::rule::Components;
use crate::validation::rules::{CHANNEL, bounded, list, name, object};

/// The request of `/info`.
#[derive(Debug, Default)]
pub struct InfoRequest {
    /// The channels, or `None` for all.
    channels: Option<Vec<ChannelName>>,
    options: InfoOptions,
}

/// The object under `info`, which says which channels are shown, and how much of each.
#[derive(Debug)]
pub struct InfoQuery;

impl Table for InfoQuery {
    type Value = InfoRequest;
    const ABOUT: &'static str = "Which channels are shown, and how much of each.";

    fn walk(fields: &mut impl Fields) -> Option<InfoRequest> {
        const WITH_HISTORY: &str = "Whether the history of each channel is shown.";
        const WITH_USERS: &str = "Whether the users of each channel are shown.";
        const CHANNELS: &str = "The channels to show: all if the list is absent, and none if it is empty. Only `/info` uses it; other \
                                calls show the channels that they name.";
        const EXCLUDED: &str = "Channels that are not shown.";
        const WITH_CONNECTIONS: &str =
            "Has no effect, as in the original server, but must be a boolean.";
        const PUBLIC_STATE: &str = "Whether only the public part of the users' state is shown.";
        let most = fields.facts().limits.channels;
        let include_history = fields.flag(field("include_history", WITH_HISTORY), true);
        let include_users = fields.flag(field("include_users", WITH_USERS), true);
        let channels = fields.optional(
            field("channels", CHANNELS).example(r#"["news"]"#),
            bounded(list(name(CHANNEL)), most, Vec::len),
        );
        let exclude_channels = fields.or_empty(
            field("exclude_channels", EXCLUDED),
            bounded(list(name(CHANNEL)), most, Vec::len),
        );
        let include_connections =
            fields.flag(field("include_connections", WITH_CONNECTIONS), false);
        let return_public_state = fields.flag(field("return_public_state", PUBLIC_STATE), false);
        include_connections?;
        let options = InfoOptions {
            include_history: include_history?,
            include_users: include_users?,
            return_public_state: return_public_state?,
            exclude_channels: exclude_channels?,
        };
        Some(InfoRequest { channels, options })
    }
}

describe_table!(InfoQuery);

impl Table for InfoRequest {
    type Value = Self;
    const ABOUT: &'static str = "The channels to show, under `info`.";

    fn walk(fields: &mut impl Fields) -> Option<Self> {
        const INFO: &str = "Which channels to show, and how much of them.";
        let limits = fields.facts().limits;
        fields.required(
            field("info", INFO).example(r#"{"channels": ["news"]}"#),
            object::<InfoQuery>(limits),
        )
    }
}

describe_table!(InfoRequest);

/// The request of older releases, without `info` around it. Other keys are ignored.
#[derive(Debug)]
pub struct OlderInfoRequest;

impl Table for OlderInfoRequest {
    type Value = InfoRequest;
    const ABOUT: &'static str = "The channels to show, in the form of older releases.";

    fn walk(fields: &mut impl Fields) -> Option<InfoRequest> {
        const CHANNELS: &str =
            "The channels to show where `info` is absent. An empty list stands for all channels.";
        let most = fields.facts().limits.channels;
        let channels = fields.required(
            field("channels", CHANNELS).example(r#"["news"]"#),
            bounded(list(name(CHANNEL)), most, Vec::len),
        )?;
        let channels = Some(channels).filter(|channels: &Vec<_>| !channels.is_empty());
        Some(InfoRequest {
            channels,
            options: InfoOptions::default(),
        })
    }
}

describe_table!(OlderInfoRequest);

fn is_older(body: &RawValue) -> bool {
    let entries = entries(body).unwrap_or_default();
    let has = |name| entries.iter().any(|(key, _)| key == name);
    has("channels") && !has("info")
}

/// The request of `/info`, whose body may be absent.
#[derive(Debug)]
pub struct InfoBody(InfoRequest);

/// One object with the fields of both forms: generated clients have trouble with a choice between
/// two bodies that may also be absent.
impl PartialSchema for InfoBody {
    fn schema() -> RefOr<Schema> {
        let about = "The channels to show, under `info`, or under `channels` as in older releases.";
        let mut body = ObjectBuilder::new()
            .description(Some(about))
            .min_properties(Some(1))
            .build();
        for form in [InfoRequest::schema(), OlderInfoRequest::schema()] {
            if let RefOr::T(Schema::Object(form)) = form {
                body.properties.extend(form.properties);
                body.examples.extend(form.examples);
            }
        }
        body.into()
    }
}

impl ToSchema for InfoBody {
    fn schemas(components: &mut Components) {
        InfoRequest::schemas(components);
        OlderInfoRequest::schemas(components);
    }
}

impl FromBody for InfoBody {
    fn from_body(body: &RawValue, facts: &Facts) -> Checked<Self> {
        match JsonKind::of(body) {
            JsonKind::Object if is_older(body) => {
                Checked::object::<OlderInfoRequest>(body, facts).map(Self)
            }
            JsonKind::Object => Checked::object::<InfoRequest>(body, facts).map(Self),
            // Its first field is an object, so the original words this differently.
            _ => Checked::from_result(Err(Errors::wrong_kind_of_whole(
                "Invalid type.",
                "a JSON object with the key \"info\" is needed here",
                body,
            ))),
        }
    }

    fn from_nothing() -> Option<Self> {
        Some(Self(InfoRequest::default()))
    }
}

/// Walks over `info`, which other calls have. `channels` counts in `/info` only, but must be right
/// everywhere.
pub(super) fn info_options(fields: &mut impl Fields) -> Option<InfoOptions> {
    const ABOUT: &str = "How much of the channels is shown in the answer.";
    let limits = fields.facts().limits;
    fields
        .or_empty(field("info", ABOUT), object::<InfoQuery>(limits))
        .map(|request| request.options)
}

/// Shows channels and their users.
///
/// Without a body all channels are shown. Any method does this.
#[utoipa::path(
    tag = "channels",
    operation_id = "info",
    request_body(content = Option<InfoBody>, description = "The channels to show; nothing for all of them."),
    responses(
        (status = 200, description = "The channels that were asked for and exist, and their users.", body = Info),
        CommonErrors, HttpsOnly, InvalidBody, SignedErrors,
    ),
    security(("signature" = [])),
)]
#[post("/info")]
pub(crate) async fn post_info(
    signed: Signed,
    services: Data<Services>,
    body: Body<InfoBody>,
) -> LargeJson<Info> {
    show_info(signed, services, body).await
}

/// Does for any other method what POST does.
pub async fn show_info(
    _: Signed,
    services: Data<Services>,
    Body(InfoBody(request)): Body<InfoBody>,
) -> LargeJson<Info> {
    let InfoRequest { channels, options } = request;
    LargeJson(services.broker.info(channels, &options).await)
}
