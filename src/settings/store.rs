//! The settings of the store that are a choice of words.

use super::value::SettingValue;

macro_rules! words {
    ($(#[doc = $about:literal])+ $name:ident { $($(#[$meaning:meta])+ $variant:ident = $word:literal,)+ } $expected:literal) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub enum $name {
            $($(#[$meaning])+ $variant,)+
        }

        impl SettingValue for $name {
            fn parse(text: &str) -> Result<Self, String> {
                match text.trim().to_lowercase().as_str() {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($expected.to_owned()),
                }
            }

            fn to_text(&self) -> String {
                match self {
                    $(Self::$variant => $word,)+
                }
                .to_owned()
            }
        }
    };
}

pub(super) use words;

words! {
    /// Where users, channels, messages and connections are kept.
    StoreKind {
        /// In memory: they are gone when the server stops.
        #[default]
        Memory = "memory",
        /// In memory and in a file, from which the next start goes on.
        File = "file",
    }
    "expected memory or file"
}

words! {
    /// When a call is answered that has changed something.
    StoreSync {
        /// When it is done. It is on the disk a moment later.
        #[default]
        Interval = "interval",
        /// When it is on the disk.
        Always = "always",
    }
    "expected interval or always"
}
