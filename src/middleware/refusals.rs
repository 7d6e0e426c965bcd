//! Counts and logs the errors that requests are answered with.

use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use channelstream_actors::counters::Counters;

use crate::error::ApiError;
use crate::logging::refusals::{RefusalKind, add_refused, log_refusal};
use crate::signature::{HEADER, SignatureFlaw};

/// Counts and logs the error that a request was answered with, if any.
pub(super) fn record(response: &ServiceResponse<BoxBody>, counters: &Counters) {
    let error = response
        .response()
        .error()
        .and_then(|error| error.as_error::<ApiError>());
    if let Some(error) = error {
        error.count_limits(&mut |kind| counters.count_limit_refusal(kind));
        record_error(error, response.request().path());
    }
}

/// Counts the error of a request for `path`, and logs it if an operator may have to change
/// something.
fn record_error(error: &ApiError, path: &str) {
    // A request for a page without a session is redirected to the sign-in page, so it does not
    // count as refused.
    if !matches!(error, ApiError::NoSession { .. }) {
        add_refused();
    }
    let path = path.escape_debug();
    match error {
        ApiError::AddressNotAllowed { address } => log_refusal(
            RefusalKind::Address,
            format_args!(
                "refused a call to {path} from {address}: add the address to allow_posting_from"
            ),
        ),
        ApiError::OriginNotAllowed { origin } => log_refusal(
            RefusalKind::Origin,
            format_args!(
                "refused {path} to a page of the origin {}: add the origin to allow_origins \
                 if the page is yours",
                origin.escape_debug()
            ),
        ),
        ApiError::MetricsNotAllowed { .. } => log_refusal(
            RefusalKind::Address,
            format_args!("refused a request for {path}: {error}"),
        ),
        ApiError::NotSigned => log_refusal(
            RefusalKind::NotSigned,
            format_args!("refused a call to {path}: it has no signature ({HEADER})"),
        ),
        ApiError::BadSignature(flaw) => {
            let kind = match flaw {
                SignatureFlaw::Foreign => RefusalKind::ForeignSignature,
                SignatureFlaw::Old => RefusalKind::OldSignature,
                SignatureFlaw::Ahead
                | SignatureFlaw::OtherPath
                | SignatureFlaw::NoNonce
                | SignatureFlaw::Used => RefusalKind::UnfitSignature,
            };
            log_refusal(kind, format_args!("refused a call to {path}: {flaw}"));
        }
        ApiError::TooManySignatures => log_refusal(
            RefusalKind::TooManySignatures,
            format_args!("refused a call to {path} with 503: {error}"),
        ),
        ApiError::Invalid(_) => {
            if let Some(hint) = error.hint() {
                let line = format_args!("refused a call to {path}: {hint}");
                log_refusal(RefusalKind::Invalid, line);
            }
        }
        ApiError::Internal(reason) => log::error!("internal error: {reason}"),
        _ => {}
    }
}
