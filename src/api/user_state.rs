//! `POST /user_state`: sets a user's state; and `/user_status`, its form before 0.7.

use actix_web::web::{Data, Json};
use channelstream_actors::broker::Broker;
use channelstream_actors::core::user::Values;
use channelstream_actors::name::UserName;
use channelstream_actors::protocol::state::{Change, State, StateValue};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::openapi::answers::SignedErrors;
use crate::signature::Signed;
use crate::validation::body::{Body, Checked, Facts, FromBody, UNKNOWN_USER};
use crate::validation::errors::Errors;
use crate::validation::fields::{Fields, Mention};
use crate::validation::rules::{CHANNEL, USER, list, name, state, state_value, text};

/// What the caller asks for.
#[derive(Debug, ToSchema)]
pub struct UserStateRequest {
    /// A user that is known.
    #[schema(value_type = String, min_length = 1, max_length = 512, example = "alice")]
    user: UserName,
    /// Values to set. Keys not named stay.
    #[schema(value_type = BTreeMap<String, StateValue>, required = false, example = json!({"color": "blue"}))]
    user_state: Values,
    /// State keys that others may see. Absent or null: as before.
    #[schema(required = false)]
    state_public_keys: Option<Vec<String>>,
}

impl FromBody for UserStateRequest {
    fn from_body(body: &RawValue, _: &Facts) -> Checked<Self> {
        Checked::object(body, |fields| {
            let user = known_user(fields);
            let user_state = fields.or("user_state", Values::default, state);
            let state_public_keys = fields.nullable("state_public_keys", list(name(CHANNEL)));
            Some(Self { user: user?, user_state: user_state?, state_public_keys: state_public_keys? })
        })
    }
}

/// A name of the wrong length is unknown besides, and both are said.
fn known_user(fields: &mut Fields<'_>) -> Option<UserName> {
    let user = fields.required("user", |value: &RawValue| {
        let is_text = text(value).is_ok();
        name::<UserName>(USER)(value).map_err(|mut errors| {
            if let (true, Errors::Messages(messages)) = (is_text, &mut errors) {
                messages.push(UNKNOWN_USER.to_owned());
            }
            errors
        })
    })?;
    fields.mention("user", Mention::User(user.clone()));
    Some(user)
}

/// The state now, and what is different.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserStateAnswer {
    #[schema(value_type = BTreeMap<String, StateValue>)]
    user_state: State,
    changed_state: Vec<Change>,
    public_keys: Vec<String>,
}

/// Sets state values. Channels that notify state tell of those that changed.
#[utoipa::path(post, path = "/user_state", tag = "users", request_body = UserStateRequest,
    responses((status = 200, description = "The state now, and what is different", body = UserStateAnswer), SignedErrors), security(("signature" = [])))]
pub async fn user_state(
    _: Signed,
    broker: Data<Broker>,
    Body(request): Body<UserStateRequest>,
) -> Result<Json<UserStateAnswer>, ApiError> {
    set(&broker, request).await
}

/// What a caller of the older dialect asks for: `{user, status}`.
#[derive(Debug)]
pub struct UserStatusRequest(UserStateRequest);

impl FromBody for UserStatusRequest {
    fn from_body(body: &RawValue, _: &Facts) -> Checked<Self> {
        Checked::object(body, |fields| {
            let user = known_user(fields);
            let status = fields.required("status", state_value);
            let user_state = Values::from([("status".to_owned(), status?)]);
            Some(Self(UserStateRequest { user: user?, user_state, state_public_keys: None }))
        })
    }
}

/// Sets the state value `status`.
pub async fn user_status(
    _: Signed,
    broker: Data<Broker>,
    Body(UserStatusRequest(request)): Body<UserStatusRequest>,
) -> Result<Json<UserStateAnswer>, ApiError> {
    set(&broker, request).await
}

async fn set(broker: &Broker, request: UserStateRequest) -> Result<Json<UserStateAnswer>, ApiError> {
    let set = broker.set_state(request.user, request.user_state, request.state_public_keys).await;
    let set = set.map_err(|error| ApiError::not_done(error, "user", UNKNOWN_USER))?;
    Ok(Json(UserStateAnswer { user_state: set.state, changed_state: set.changed, public_keys: set.public_keys }))
}
