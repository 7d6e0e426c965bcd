//! The headers in which a reverse proxy reports the address, scheme, host and path of a request.

use actix_web::http::header::HeaderName;

use super::value::SettingValue;

macro_rules! proxy_headers {
    ($($(#[doc = $meaning:literal])+ $variant:ident = $name:literal;)+) => {
        /// A header that `proxy_headers` can name.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum ProxyHeader {
            $($(#[doc = $meaning])+ $variant,)+
        }

        impl ProxyHeader {
            /// All headers that `proxy_headers` can name.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Returns the header's name, in lower case.
            pub fn name(self) -> &'static str {
                self.header().as_str()
            }

            /// Returns the header's name. It is made only once, since every request is searched for
            /// it.
            pub fn header(self) -> &'static HeaderName {
                match self {
                    $(Self::$variant => {
                        static NAME: HeaderName = HeaderName::from_static($name);
                        &NAME
                    })+
                }
            }
        }
    };
}

proxy_headers! {
    /// The addresses that the request came from. The nearest proxy added the last one.
    ForwardedFor = "x-forwarded-for";
    /// The scheme of the browser's request.
    ForwardedProto = "x-forwarded-proto";
    /// The host of the browser's request.
    ForwardedHost = "x-forwarded-host";
    /// The path prefix before the server's own paths.
    ForwardedPrefix = "x-forwarded-prefix";
    /// The original's header for the path prefix. It takes precedence over `x-forwarded-prefix`.
    ScriptName = "x-script-name";
    /// The original's header for the scheme. It takes precedence over `x-forwarded-proto`.
    Scheme = "x-scheme";
    /// The original's other header for the scheme. It takes precedence over both others.
    UrlScheme = "x-url-scheme";
}

impl SettingValue for ProxyHeader {
    fn parse(text: &str) -> Result<Self, String> {
        let name = text.to_lowercase();
        Self::ALL
            .iter()
            .copied()
            .find(|header| header.name() == name)
            .ok_or_else(|| {
                let names: Vec<_> = Self::ALL.iter().map(|header| header.name()).collect();
                format!("expected one of {}", names.join(", "))
            })
    }

    fn to_text(&self) -> String {
        self.name().to_owned()
    }
}
