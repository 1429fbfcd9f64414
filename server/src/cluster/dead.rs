//! A machine that was given up while it was off, and is heard again: what a person said of its power no longer
//! holds, and its old system is sent back through the network.

use api::id::MachineId;
use api::machine::HistoryEntry;
use api::state::Home;

use crate::app::App;
use crate::clock;
use crate::lifecycle::want::want;
use crate::store::Result;
use crate::store::machine::Row;

/// After the hello of an installed system; `before` is the row as it was, with the boot that was known.
pub async fn spoke(app: &App, before: &Row, boot_id: &str) -> Result<()> {
    let id = before.id();
    app.store.node_has_power(&id).await?;
    let expected = want(&before.life()?).home == Some(Home::Disk);
    if expected || before.boot_id == boot_id || !was_given_up(&app.store.history(&id, LOOK_BACK).await?) {
        return Ok(());
    }
    returned(app, &id).await
}

/// Events to look through for the last thing that was known of its systems.
const LOOK_BACK: i64 = 100;

/// It left without its agent, and no agent in RAM has shown since that the old system is down. `history`: newest
/// first.
fn was_given_up(history: &[HistoryEntry]) -> bool {
    let last = history.iter().find(|entry| matches!(entry.event.as_str(), "ram_hello" | "fenced"));
    last.is_some_and(|entry| entry.event == "fenced")
}

async fn returned(app: &App, id: &MachineId) -> Result<()> {
    let note = "the old system answers after the cluster has let go of it; it is stopped and sent back through the network";
    tracing::warn!(machine = id.0, "{note}");
    app.store.remark(id, "returned", note.into(), clock::now()).await?;
    app.store.machine_noted(id, format!("returned: {note}")).await
}

#[cfg(test)]
mod tests {
    use api::state::State;

    use super::*;

    #[test]
    fn only_a_boot_in_ram_shows_that_the_old_system_is_down() {
        let history = |events: &[&str]| -> Vec<HistoryEntry> {
            let entry = |event: &&str| HistoryEntry {
                at: 0,
                event: event.to_string(),
                from: State::Draining,
                to: State::Draining,
                who: "server".into(),
                refused: false,
                note: String::new(),
            };
            events.iter().map(entry).collect()
        };
        assert!(was_given_up(&history(&["disk_hello", "drained", "fenced", "reprovision", "ram_hello"])));
        assert!(was_given_up(&history(&["returned", "disk_hello", "drained", "fenced"])));
        assert!(!was_given_up(&history(&["disk_hello", "ram_hello", "drained", "fenced"])));
        assert!(!was_given_up(&history(&["disk_hello", "drained", "reprovision"])));
    }
}
