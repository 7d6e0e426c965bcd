//! All subscribers of a channel, on all nodes, get its messages in the same order, which is that of
//! the history.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::Cluster;
use super::client::Returning;
use crate::support::scale::scaled;

const PUBLISHERS: usize = 8;

/// The number of messages in the history.
const HISTORY: usize = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_nodes_send_messages_in_the_order_of_the_history() {
    let cluster = Cluster::start(3, &[]);
    let settings = json!({"store_history": true, "history_size": HISTORY});
    let configured = json!({"order": settings});
    cluster.backend(0).post("/channel_config", configured).await;
    let mut clients = Vec::new();
    for index in 0..6 {
        let user = format!("user{index}");
        let conn_id = cluster.backend(index % 3).connect(&user, &["order"]).await;
        let address = vec![cluster.nodes[(index + 1) % 3].address.clone()];
        clients.push(Returning::start(address, conn_id, index as u64));
    }
    let each = scaled(500, 100_000 / PUBLISHERS);
    let publish = |publisher: usize| {
        let backend = cluster.backend(publisher % 3);
        async move {
            for number in 0..each {
                let said = json!({"publisher": publisher, "number": number});
                backend.say("order", said).await;
            }
        }
    };
    join_all((0..PUBLISHERS).map(publish)).await;
    let count = each * PUBLISHERS;
    let mut orders = Vec::new();
    for mut client in clients {
        let within = Duration::from_secs(30);
        client
            .wait_for(within, |events| events.len() >= count)
            .await;
        let events = client.stop().await;
        assert_eq!(events.len(), count, "each comes once");
        orders.push(ids(&events));
    }
    assert!(
        orders.iter().all(|order| *order == orders[0]),
        "the same order"
    );
    let body = json!({"info": {"channels": ["order"]}});
    let info = cluster.backend(2).post("/info", body).await;
    let history = ids(info["channels"]["order"]["history"].as_array().unwrap());
    assert_eq!(history, orders[0][count - HISTORY.min(count)..]);
}

fn ids(events: &[Value]) -> Vec<String> {
    let id = |event: &Value| event["uuid"].as_str().unwrap().to_owned();
    events.iter().map(id).collect()
}
