//! The calls that `/openapi.json` describes, each registered together with its path, method,
//! handler and description.

use utoipa_actix_web::service_config::ServiceConfig;

use crate::admin::{action, backup, live, panel};
use crate::api::{
    channel_config, connect, delete, disconnect, edit, health, info, message, metrics, subscribe,
    unsubscribe, user_state,
};
use crate::transport::{event_stream, long_poll, socket_io, upgrade};

/// Registers all calls. A call that is missing here is neither served nor described.
pub fn register(app: &mut ServiceConfig<'_>) {
    app.service(message::publish_messages)
        .service(edit::edit_messages)
        .service(delete::delete_messages)
        .service(connect::connect)
        .service(subscribe::subscribe)
        .service(unsubscribe::unsubscribe)
        .service(user_state::set_user_state)
        .service(user_state::set_user_status)
        .service(channel_config::configure_channels)
        .service(info::post_info);
    register_for_clients(app);
    app.service(health::check_health)
        .service(health::check_ready)
        .service(health::check_live)
        .service(health::check_readiness)
        .service(metrics::show_metrics)
        .service(panel::get_numbers)
        .service(live::stream_live)
        .service(backup::download_backup)
        .service(action::publish_messages)
        .service(action::configure_channels)
        .service(action::end_connection)
        .service(action::forget_channel);
}

/// Registers the calls that a client needs to listen. A public address may serve only these calls.
pub fn register_for_clients(app: &mut ServiceConfig<'_>) {
    app.service(upgrade::open)
        .service(event_stream::open)
        .service(long_poll::listen)
        .service(socket_io::requests::get)
        .service(socket_io::requests::post)
        .service(disconnect::disconnect)
        .service(disconnect::disconnect_by_query);
}
