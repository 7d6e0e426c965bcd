//! The addresses that the settings name, and whether other machines can reach them.

use super::listen::ListenAddress;
use super::table::Settings;
use super::value::SettingValue;

impl Settings {
    /// Returns the addresses of `listen`, or the address of `host` and `port` if `listen` is empty.
    pub fn public_addresses(&self) -> Vec<ListenAddress> {
        if !self.listen.is_empty() {
            return self.listen.clone();
        }
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        vec![ListenAddress::Tcp {
            host: host.to_owned(),
            port: self.port,
        }]
    }

    /// Returns the addresses that serve signed calls and the panel: those of `internal_listen`, or
    /// the public ones if it is empty.
    pub fn call_addresses(&self) -> Vec<ListenAddress> {
        if self.internal_listen.is_empty() {
            self.public_addresses()
        } else {
            self.internal_listen.clone()
        }
    }

    /// Returns whether only this machine can reach the server.
    pub fn is_local(&self) -> bool {
        self.find_open_address().is_none()
    }

    /// Returns the first setting that lets other machines reach the server, as `key = value`.
    pub(super) fn find_open_address(&self) -> Option<String> {
        let of = |key, addresses: &[ListenAddress]| {
            let open = addresses.iter().find(|address| !address.is_local())?;
            Some(format!("{key} = {}", open.to_masked()))
        };
        let public = if self.listen.is_empty() {
            let open = self.public_addresses();
            let is_open = open.iter().any(|address| !address.is_local());
            is_open.then(|| format!("host = {}", self.host.to_masked()))
        } else {
            of("listen", &self.listen)
        };
        public.or_else(|| of("internal_listen", &self.internal_listen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_count_only_where_no_address_is_listed() {
        let of = |listen, internal| Settings {
            host: "0.0.0.0".to_owned(),
            listen: Vec::parse(listen).unwrap(),
            internal_listen: Vec::parse(internal).unwrap(),
            ..Settings::default()
        };
        let open = |listen, internal| of(listen, internal).find_open_address();
        assert_eq!(open("", "").unwrap(), "host = \"0.0.0.0\"");
        assert_eq!(open("127.0.0.1:1, unix:/x", ""), None);
        assert_eq!(
            open("127.0.0.1:1, [::]:1", "").unwrap(),
            "listen = \"[::]:1\""
        );
        assert_eq!(
            open("unix:/x", "0.0.0.0:2").unwrap(),
            "internal_listen = \"0.0.0.0:2\""
        );
    }
}
