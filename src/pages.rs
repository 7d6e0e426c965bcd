//! Pages: what they have in common, and the front page.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};

use crate::assets;
use crate::caller::Caller;

const FRONT: &str = include_str!("pages/front.html");

/// Only what comes from this server, and nothing in the page itself.
fn content_security_policy(styles: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src {styles}; img-src 'self' data:; connect-src 'self'; base-uri 'self'; \
         form-action 'self'; frame-ancestors 'none'"
    )
}

/// What stands in the head of all pages.
const HEAD: &str = r#"<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="{static}/icon.svg">
<link rel="stylesheet" href="{static}/base.css">"#;

/// A page. In its text `{head}` is what the heads of all have in common, `{root}` the path of this
/// server's root, with a slash at its end, `{static}` the folder of its files, `{url}` the address
/// of this server as the visitor sees it and `{ws}` the same for websockets, both without a slash
/// at the end, `{version}` the server's version.
pub fn page(request: &HttpRequest, text: &str) -> HttpResponse {
    page_with_styles(request, text, "'self'")
}

/// A page with other sources of styles.
pub fn page_with_styles(request: &HttpRequest, text: &str, styles: &str) -> HttpResponse {
    let caller = Caller::of(request);
    let root = format!("{}/", escaped(&caller.prefix));
    let url = escaped(&caller.url(""));
    let text = text
        .replace("{head}", HEAD)
        .replace("{root}", &root)
        .replace("{ws}", &url.replacen("http", "ws", 1))
        .replace("{url}", &url)
        .replace("{static}", &format!("{root}{}", assets::folder()))
        .replace("{version}", env!("CARGO_PKG_VERSION"));
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            content_security_policy(styles),
        ))
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .body(text)
}

/// As text of a page, or in a quoted attribute.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// `GET /`: what runs here, and where to go.
pub async fn front(request: HttpRequest) -> HttpResponse {
    page(&request, FRONT)
}
