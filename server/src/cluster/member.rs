//! A node with the machine that it is.

use api::state::State;

use super::Result;
use crate::app::App;
use crate::store::NodeRow;
use crate::store::machine::Row;

/// A node's row with its machine's.
pub struct Member {
    pub node: NodeRow,
    pub machine: Row,
    pub state: State,
}

pub async fn members_of(app: &App, cluster: &str) -> Result<Vec<Member>> {
    let mut members = Vec::new();
    for node in app.store.nodes(cluster).await? {
        let machine = app.store.machine(&node.id()).await?;
        let state = machine.life()?.state;
        members.push(Member { node, machine, state });
    }
    Ok(members)
}
