//! The types of the settings `store` and `store_sync`, and the macro for settings that are one of a
//! few words.

use super::value::SettingValue;

macro_rules! setting_enum {
    (
        $(#[doc = $about:literal])+
        $name:ident { $($(#[$meaning:meta])+ $variant:ident = $word:literal,)+ }
        $expected:literal
    ) => {
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

pub(super) use setting_enum;

setting_enum! {
    /// The place where users, channels, messages and connections are kept.
    StoreKind {
        /// The memory. Everything is lost when the server stops.
        #[default]
        Memory = "memory",
        /// The memory and a file. The next start continues from the file.
        File = "file",
        /// Redis. Several servers share it.
        Redis = "redis",
    }
    "expected memory, file or redis"
}

setting_enum! {
    /// The time at which the server answers a call that changed something.
    StoreSync {
        /// Immediately after the change in memory. The change reaches the disk a moment later.
        #[default]
        Interval = "interval",
        /// After the change is on the disk.
        Always = "always",
    }
    "expected interval or always"
}
