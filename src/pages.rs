//! The code that all pages share, and the front page.

pub(crate) mod escape;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::assets;
use crate::caller::Caller;
use crate::error::ApiError;

/// The styles that a page may use, for its Content-Security-Policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageStyles {
    /// Style sheets of this server only.
    OwnFiles,
    /// Style sheets of this server, and styles within the page.
    Inline,
}

/// The addresses that pages link to, in the form in which the visitor reaches them.
#[derive(Debug)]
pub struct PageLinks {
    /// The path of this server's root, with a slash at its end.
    pub root: String,
    /// The folder of the files that pages load.
    pub files: String,
    /// The address of this server, without a slash at its end.
    pub url: String,
    /// The same address for websockets.
    pub websocket_url: String,
    /// The version of this server.
    pub version: &'static str,
}

impl PageLinks {
    /// Returns the links of a page that answers this request.
    pub fn of(request: &HttpRequest) -> Self {
        let caller = Caller::of(request);
        let root = format!("{}/", caller.prefix);
        let url = caller.url("");
        Self {
            files: format!("{root}{}", assets::folder()),
            root,
            websocket_url: url.replacen("http", "ws", 1),
            url,
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// Renders a page whose styles are files.
///
/// # Errors
/// Fails when the template cannot be rendered.
pub fn render(page: &impl Template) -> Result<HttpResponse, ApiError> {
    render_with_styles(page, PageStyles::OwnFiles)
}

/// Renders a page with these styles.
///
/// # Errors
/// Fails when the template cannot be rendered.
pub fn render_with_styles(
    page: &impl Template,
    styles: PageStyles,
) -> Result<HttpResponse, ApiError> {
    let text = page
        .render()
        .map_err(|_| ApiError::Internal("a page could not be rendered"))?;
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            content_security_policy(styles),
        ))
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .body(text))
}

/// Returns the policy of a page: the page loads files of this server only, and runs no script that
/// is written in the page itself.
fn content_security_policy(styles: PageStyles) -> String {
    let styles = match styles {
        PageStyles::OwnFiles => "'self'",
        PageStyles::Inline => "'self' 'unsafe-inline'",
    };
    format!(
        "default-src 'none'; script-src 'self'; style-src {styles}; img-src 'self' data:; \
         connect-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )
}

/// The front page, which tells visitors what this server is and links to its other pages.
#[derive(Template)]
#[template(path = "front/front.html")]
struct FrontPage {
    links: PageLinks,
}

/// Shows the front page, at `/`.
///
/// # Errors
/// Fails when the template cannot be rendered.
pub async fn show_front(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let links = PageLinks::of(&request);
    render(&FrontPage { links })
}
