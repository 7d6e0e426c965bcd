//! `POST /user_state` sets a user's state. `POST /user_status` is its form before version 0.7.

use actix_web::post;
use actix_web::web::{Data, Json};
use channelstream_actors::broker::Broker;
use channelstream_actors::core::visible_state::Values;
use channelstream_actors::name::UserName;
use channelstream_actors::protocol::state::{Change, State, StateValue};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use crate::error::ApiError;
use crate::extractors::body::Body;
use crate::extractors::signed::Signed;
use crate::openapi::answers::{CommonErrors, HttpsOnly, InvalidBody, SignedErrors};
use crate::services::Services;
use crate::validation::body::unknown_user;
use crate::validation::describer::describe_table;
use crate::validation::errors::{Errors, JsonKind};
use crate::validation::facts::Lookup;
use crate::validation::fields::{Fields, Table, field};
use crate::validation::rule::{Components, Rule};
use crate::validation::rules::{CHANNEL, USER, bounded, list, name, state, state_value_not_null};

/// The request of `/user_state`.
#[derive(Debug)]
pub struct UserStateRequest {
    user: UserName,
    user_state: Values,
    state_public_keys: Option<Vec<String>>,
}

impl Table for UserStateRequest {
    type Value = Self;
    const ABOUT: &'static str = "Values to set in the state of a user.";

    fn visit_fields(fields: &mut impl Fields) -> Option<Self> {
        const STATE: &str = "The values to set. Keys that are not named stay unchanged.";
        const PUBLIC_KEYS: &str = "The keys of the state that others may see. If the list is \
                                   absent or null, the public keys stay unchanged.";
        let most = fields.facts().limits.public_keys;
        let user = known_user(fields);
        let user_state = fields.or_empty(
            field("user_state", STATE).example(r#"{"color": "blue"}"#),
            state(),
        );
        let state_public_keys = fields.nullable(
            field("state_public_keys", PUBLIC_KEYS),
            bounded(list(name(CHANNEL)), most, Vec::len),
        );
        Some(Self {
            user: user?,
            user_state: user_state?,
            state_public_keys,
        })
    }
}

describe_table!(UserStateRequest);

/// Visits the field `user`, whose user must be known. A name of the wrong length gets two
/// errors: about its length, and about the unknown user.
fn known_user(fields: &mut impl Fields) -> Option<UserName> {
    const ABOUT: &str = "The name of a known user.";
    let user = fields.required(field("user", ABOUT).example(r#""alice""#), KnownUser)?;
    fields.look_up("user", Lookup::User(user.clone()));
    Some(user)
}

/// The rule for the name of a user who must be known.
struct KnownUser;

impl Rule<UserName> for KnownUser {
    fn read(&self, value: &RawValue) -> Result<UserName, Errors> {
        name(USER).read(value).map_err(|mut errors: Errors| {
            if JsonKind::of(value) == JsonKind::Text {
                errors.append(unknown_user());
            }
            errors
        })
    }

    fn schema(&self, components: &mut Components) -> RefOr<Schema> {
        Rule::<UserName>::schema(&name(USER), components)
    }
}

/// The state of a user after values were set.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserStateAnswer {
    /// The whole state of the user, after the change.
    #[schema(value_type = BTreeMap<String, StateValue>)]
    user_state: State,
    /// The values that the call changed.
    changed_state: Vec<Change>,
    /// The keys of the state that others may see now.
    public_keys: Vec<String>,
}

/// Sets values in a user's state.
///
/// Each channel of the user that has `notify_state` set gets a `user_state_change` event with the
/// public values that changed.
#[utoipa::path(
    tag = "users",
    operation_id = "user_state",
    request_body(content = UserStateRequest, description = "The user, and the values to set."),
    responses(
        (status = 200, body = UserStateAnswer,
            description = "The state of the user, and the values that changed."),
        CommonErrors, HttpsOnly, InvalidBody, SignedErrors,
    ),
    security(("signature" = [])),
)]
#[post("/user_state")]
pub(crate) async fn set_user_state(
    _: Signed,
    services: Data<Services>,
    Body(request): Body<UserStateRequest>,
) -> Result<Json<UserStateAnswer>, ApiError> {
    set(&services.broker, request).await.map(Json)
}

/// The request of `/user_status`, which belongs to the dialect before version 0.7.
#[derive(Debug)]
pub struct UserStatusRequest(UserStateRequest);

impl Table for UserStatusRequest {
    type Value = Self;
    const ABOUT: &'static str = "The value `status` to set in the state of a user.";

    fn visit_fields(fields: &mut impl Fields) -> Option<Self> {
        const STATUS: &str = "The value to set under the key `status`.";
        let user = known_user(fields);
        let status = fields.required(
            field("status", STATUS).example(r#""away""#),
            state_value_not_null(),
        );
        let user_state = Values::from([("status".to_owned(), status?)]);
        Some(Self(UserStateRequest {
            user: user?,
            user_state,
            state_public_keys: None,
        }))
    }
}

describe_table!(UserStatusRequest);

/// Sets the value `status` in a user's state.
///
/// Applications used this call before version 0.7, and should use `/user_state` now.
#[utoipa::path(
    tag = "users",
    operation_id = "user_status",
    request_body(content = UserStatusRequest, description = "The user, and the status to set."),
    responses(
        (status = 200, body = UserStateAnswer,
            description = "The state of the user, and the values that changed."),
        CommonErrors, HttpsOnly, InvalidBody, SignedErrors,
    ),
    security(("signature" = [])),
)]
#[post("/user_status")]
pub(crate) async fn set_user_status(
    _: Signed,
    services: Data<Services>,
    Body(UserStatusRequest(request)): Body<UserStatusRequest>,
) -> Result<Json<UserStateAnswer>, ApiError> {
    set(&services.broker, request).await.map(Json)
}

async fn set(broker: &Broker, request: UserStateRequest) -> Result<UserStateAnswer, ApiError> {
    let set = broker
        .set_state(request.user, request.user_state, request.state_public_keys)
        .await
        .map_err(|error| ApiError::not_done(error, "user", unknown_user()))?;
    Ok(UserStateAnswer {
        user_state: set.state,
        changed_state: set.changed,
        public_keys: set.public_keys,
    })
}
