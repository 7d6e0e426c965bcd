//! `/info`: shows channels and their users.

use actix_web::post;
use actix_web::web::Data;
use channelstream_actors::name::ChannelName;
use channelstream_actors::protocol::info::{Info, InfoOptions};
use serde_json::value::RawValue;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::answer::LargeJson;
use crate::error::ApiError;
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
    /// The channels to show, or `None` for all channels.
    channels: Option<Vec<ChannelName>>,
    options: InfoOptions,
}

/// The object under `info`. It says which channels are shown, and which parts of each.
#[derive(Debug)]
pub struct InfoQuery;

impl Table for InfoQuery {
    type Value = InfoRequest;
    const ABOUT: &'static str =
        "The channels to show, and the parts of each channel that are shown.";

    fn visit_fields(fields: &mut impl Fields) -> Option<InfoRequest> {
        const WITH_HISTORY: &str = "Whether the history of each channel is shown.";
        const WITH_USERS: &str = "Whether the users of each channel are shown.";
        const CHANNELS: &str = "The channels to show. If the list is absent, all channels are \
                                shown. If it is empty, no channels are shown. Only `/info` uses \
                                this list; other calls show the channels that they are about.";
        const EXCLUDED: &str = "The channels that are not shown.";
        const WITH_CONNECTIONS: &str =
            "This field has no effect, as in the original server. It must be a boolean.";
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
    const ABOUT: &'static str = "The channels to show, under the key `info`.";

    fn visit_fields(fields: &mut impl Fields) -> Option<Self> {
        const INFO: &str = "The object that says which channels and which parts of them to show.";
        let limits = fields.facts().limits;
        fields.required(
            field("info", INFO).example(r#"{"channels": ["news"]}"#),
            object::<InfoQuery>(limits),
        )
    }
}

describe_table!(InfoRequest);

/// The request of older releases, which has no `info` around its fields. Other keys are ignored.
#[derive(Debug)]
pub struct OlderInfoRequest;

impl Table for OlderInfoRequest {
    type Value = InfoRequest;
    const ABOUT: &'static str = "The channels to show, in the form of older releases.";

    fn visit_fields(fields: &mut impl Fields) -> Option<InfoRequest> {
        const CHANNELS: &str =
            "The channels to show if `info` is absent. An empty list means all channels.";
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

/// The schema is one object with the fields of both forms. Generated clients have trouble with a
/// choice between two forms if the body may also be absent.
impl PartialSchema for InfoBody {
    fn schema() -> RefOr<Schema> {
        let about = "The channels to show, under the key `info`, or under the key `channels` as in \
                     older releases.";
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
            // The original server words this error differently than for other bodies, because the
            // first field of this request is an object.
            _ => Checked::from_result(Err(Errors::wrong_kind_of_whole(
                "Invalid type.",
                "must be a JSON object with the key \"info\"",
                body,
            ))),
        }
    }

    fn from_nothing() -> Option<Self> {
        Some(Self(InfoRequest::default()))
    }
}

/// Visits the field `info` of other calls. Only `/info` uses its `channels`, but the list must
/// be valid in every call.
pub(super) fn info_options(fields: &mut impl Fields) -> Option<InfoOptions> {
    const ABOUT: &str = "The parts of the channels that the answer shows.";
    let limits = fields.facts().limits;
    fields
        .or_empty(field("info", ABOUT), object::<InfoQuery>(limits))
        .map(|request| request.options)
}

/// Shows channels and their users.
///
/// Without a body, all channels are shown. Every method does the same.
#[utoipa::path(
    tag = "channels",
    operation_id = "info",
    request_body(content = Option<InfoBody>,
        description = "The channels to show. Without a body, all channels are shown."),
    responses(
        (status = 200, body = Info,
            description = "The channels that were asked for and exist, and their users."),
        CommonErrors, HttpsOnly, InvalidBody, SignedErrors,
    ),
    security(("signature" = [])),
)]
#[post("/info")]
pub(crate) async fn post_info(
    signed: Signed,
    services: Data<Services>,
    body: Body<InfoBody>,
) -> Result<LargeJson<Info>, ApiError> {
    show_info(signed, services, body).await
}

/// Shows channels and their users, for requests with methods other than POST.
pub async fn show_info(
    _: Signed,
    services: Data<Services>,
    Body(InfoBody(request)): Body<InfoBody>,
) -> Result<LargeJson<Info>, ApiError> {
    let InfoRequest { channels, options } = request;
    services.broker.store().serves()?;
    Ok(LargeJson(services.broker.info(channels, &options).await?))
}
