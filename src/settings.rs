//! The settings of the server. `table.rs` lists all of them. The other files read them from a file,
//! the environment and flags, check them, and write them.

mod addresses;
mod check;
mod error;
mod file;
mod file_values;
mod former_keys;
mod ini;
mod listen;
mod load;
mod log_format;
mod machine;
mod network;
mod origin;
mod proxy_header;
mod redis;
mod redis_url;
mod reload;
mod secret;
mod secret_files;
mod secret_list;
mod signature;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod toml_file;
mod value;
mod write;

pub use self::error::SettingsError;
pub use self::file::SettingsFile;
pub use self::listen::ListenAddress;
pub use self::load::{Loaded, environment, load};
pub use self::log_format::LogFormat;
pub use self::machine::Machine;
pub use self::network::{Network, is_private};
pub use self::origin::Origin;
pub use self::proxy_header::ProxyHeader;
pub use self::redis_url::RedisUrl;
pub use self::reload::{LIVE_KEYS, Reloaded};
pub use self::secret::Secret;
pub(crate) use self::secret::is_secret;
pub use self::secret_list::SecretList;
pub use self::signature::{SignatureScope, SignatureTolerance};
pub use self::store::{StoreKind, StoreSync};
pub use self::table::{KEYS, SettingKey, Settings};
pub use self::value::{LogLevel, Scheme, SettingValue, SignatureChecker, ValueRemark};
pub use self::write::{FileFormat, write};
