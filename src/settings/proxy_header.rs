//! The headers by which a reverse proxy says where a request comes from.

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

            /// Returns the header's name, in small letters.
            pub fn name(self) -> &'static str {
                self.header().as_str()
            }

            /// Returns the header's name, made once, since it is looked up in every request.
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
    /// The addresses the request came from, the last one added by the nearest proxy.
    ForwardedFor = "x-forwarded-for";
    /// The scheme of the browser's request.
    ForwardedProto = "x-forwarded-proto";
    /// The host of the browser's request.
    ForwardedHost = "x-forwarded-host";
    /// The path before the server's own.
    ForwardedPrefix = "x-forwarded-prefix";
    /// The original's header for the path before the server's own. It counts before
    /// `x-forwarded-prefix`.
    ScriptName = "x-script-name";
    /// The original's header for the scheme. It counts before `x-forwarded-proto`.
    Scheme = "x-scheme";
    /// The original's other header for the scheme. It counts before the other two.
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
