//! What calls answer when they are not done, for the description.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoResponses, ToSchema};

/// What is wrong with a body: `{field: [message, …]}`, inside a list `{"index": {field: …}}`, inside a mapping `{key: {field: …}}`.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"username": ["Missing data for required field."]}))]
pub struct FieldErrors(BTreeMap<String, Value>);

/// Why a call was not done.
#[derive(Serialize, ToSchema)]
pub struct Refusal {
    /// In words.
    #[schema(example = "Bad Signature")]
    request: String,
}

/// What every signed call may answer instead.
#[derive(IntoResponses)]
pub enum SignedErrors {
    /// The body is no JSON
    #[response(status = 400)]
    NotJson(Refusal),
    /// The signature is wrong, malformed or more than 60 seconds old
    #[response(status = 401)]
    BadSignature(Refusal),
    /// The address is not in `allow_posting_from`, or there is no signature
    #[response(status = 403)]
    NotAllowed(Refusal),
    /// The body is larger than `body_limit`
    #[response(status = 413)]
    TooLarge(Refusal),
    /// The body breaks rules; nothing has changed
    #[response(status = 422)]
    Invalid(FieldErrors),
    /// Not now; nothing was done. `Retry-After` says when to try again
    #[response(status = 503)]
    Refused(Refusal),
}

/// What every call of an operator may answer instead.
#[derive(IntoResponses)]
pub enum AdminErrors {
    /// There is neither a session nor a signature: the way to sign in
    #[response(status = 302)]
    NoSession,
    /// The signature is wrong, malformed or more than 60 seconds old
    #[response(status = 401)]
    BadSignature(Refusal),
    /// With a session: a page of another site asks. With a signature: the address is not in `allow_posting_from`
    #[response(status = 403)]
    NotAllowed(Refusal),
    /// The query or the body breaks rules; nothing has changed
    #[response(status = 422)]
    Invalid(FieldErrors),
}
