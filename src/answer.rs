//! Answers whose JSON is encoded before they are sent.

use actix_web::body::BoxBody;
use actix_web::{HttpRequest, HttpResponse, Responder};
use bytestring::ByteString;

/// JSON that is sent as it is.
#[derive(Debug)]
pub struct JsonText(pub ByteString);

impl Responder for JsonText {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok()
            .content_type("application/json")
            .body(self.0.into_bytes())
    }
}
