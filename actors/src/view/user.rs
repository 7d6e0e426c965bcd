//! A user as `admin.json` and operators see it.

use crate::core::user::UserCore;
use crate::name::ConnId;
use crate::protocol::info::UserInfo;
use crate::view::{ConnectionDetail, SHOWN, UserDetail, UserSummary};

/// Returns the user as `admin.json` shows it: with the connections that count as present.
pub(crate) fn info(core: &UserCore) -> UserInfo {
    let present = core
        .connections()
        .iter()
        .filter(|(_, is_present)| **is_present);
    UserInfo {
        user: core.name().clone(),
        uuid: core.uuid(),
        state: core.state().public_state().clone(),
        connections: present.map(|(conn_id, _)| *conn_id).collect(),
    }
}

/// Returns what an operator may see of the user. The values that only its connections know are left
/// empty.
pub(crate) fn detail(core: &UserCore) -> UserDetail {
    let connection = |(conn_id, is_present): (&ConnId, &bool)| ConnectionDetail {
        conn_id: *conn_id,
        channels: Vec::new(),
        is_present: *is_present,
        transport: None,
        silent_secs: 0,
    };
    UserDetail {
        user: core.name().clone(),
        uuid: core.uuid(),
        state: core.state().state().clone(),
        public_keys: core.state().public_keys().to_vec(),
        last_active: core.last_active(),
        total_connections: core.connections().len(),
        connections: core
            .connections()
            .iter()
            .take(SHOWN)
            .map(connection)
            .collect(),
    }
}

/// Returns the user as one line of a list.
pub(crate) fn summary(core: &UserCore) -> UserSummary {
    UserSummary {
        user: core.name().clone(),
        connections: core.connections().len(),
        state: core.state().public_state().clone(),
        last_active: core.last_active(),
    }
}
