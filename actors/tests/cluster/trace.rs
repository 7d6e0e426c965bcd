//! Describes what happened in a world, for a person who looks for the cause of a failure.

use crate::action::Action;
use crate::mutation::Mutation;
use crate::setups::Setup;
use crate::world::World;

/// Describes actions, one line each.
pub(crate) fn trace(setup: &Setup, mutation: Option<Mutation>, actions: &[Action]) -> String {
    let mut world = World::new(setup, mutation);
    let mut lines = Vec::new();
    for action in actions {
        let line = describe(&world, action);
        let result = world.apply(*action);
        let answer = match action {
            Action::Execute { node } => {
                let executed = world.nodes[*node].wire.iter().rev();
                let mut answers = executed.filter_map(|sent| sent.answer.as_ref());
                answers.next().map(|answer| format!(" => {answer:?}"))
            }
            _ => None,
        };
        lines.push(line + &answer.unwrap_or_default());
        if result.is_err() {
            break;
        }
    }
    lines.push(format!("log: {:?}", world.redis.logs));
    lines.push(format!("records: {:?}", world.redis.records));
    lines.push(format!("clients: {:?}", world.clients));
    shorten(&lines.join("\n"))
}

fn describe(world: &World, action: &Action) -> String {
    let detail = match action {
        Action::Execute { node } => {
            let mut wire = world.nodes[*node].wire.iter();
            let sent = wire.find(|sent| sent.answer.is_none());
            sent.map(|sent| format!("{:?}", sent.call.call.call))
        }
        Action::Answer { node } => {
            let sent = world.nodes[*node].wire.front();
            sent.map(|sent| format!("{:?} {:?}", sent.call.call.purpose, sent.answer))
        }
        Action::Read { node } => {
            let node = &world.nodes[*node];
            node.unread(&world.redis.feed).map(|fed| format!("{fed:?}"))
        }
        Action::Waited { node, session } | Action::TimeOut { node, session } => {
            let key = world.nodes[*node].sessions.keys().nth(*session);
            key.map(|key| format!("{key:?}"))
        }
        _ => None,
    };
    format!("{action:?} {}", detail.unwrap_or_default())
}

fn shorten(text: &str) -> String {
    let text = text.replace("ConnId(00000000-0000-0000-0000-00000000000", "(#");
    let text = text.replace("Channel(ChannelName(\"c\"))", "c");
    let text = text.replace("Channel(ChannelName(\"d\"))", "d");
    text.replace("UserName", "")
}
