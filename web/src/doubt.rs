//! What a machine's page says beside its state: that nobody knows whose hardware it is, and what became of its disks.

use api::id::MachineId;
use api::machine::{Machine, Quarantine};
use api::wipe::{LeftDisk, Wipe, WipeDisk, WipeOutcome, WipedDisk};
use askama::Template;

use crate::words::Since;

#[derive(Template)]
#[template(path = "machine_doubt.html")]
pub struct DoubtCard<'a> {
    id: &'a MachineId,
    name: String,
    doubt: Option<(&'a Quarantine, Since)>,
}

#[derive(Template)]
#[template(path = "machine_wipe.html")]
pub struct WipeCard<'a> {
    wipe: Option<&'a Wipe>,
    disks: Vec<Row<'a>>,
    left: &'a [LeftDisk],
}

struct Row<'a> {
    disk: &'a WipeDisk,
    outcome: &'static str,
    tone: &'static str,
    record: Option<&'a WipedDisk>,
}

impl<'a> DoubtCard<'a> {
    pub fn of(machine: &'a Machine, now: i64) -> DoubtCard<'a> {
        let doubt = machine.quarantine.as_ref();
        DoubtCard {
            id: &machine.id,
            name: machine.name(),
            doubt: doubt.map(|doubt| (doubt, Since { at: doubt.since, now })),
        }
    }
}

impl<'a> WipeCard<'a> {
    pub fn of(wipe: Option<&'a Wipe>) -> WipeCard<'a> {
        let plan = wipe.and_then(|wipe| wipe.plan.as_ref().map(|plan| (wipe, plan)));
        let row = |(wipe, disk): (&'a Wipe, &'a WipeDisk)| {
            let record = wipe.outcome(disk);
            let (outcome, tone) = match record.map(|record| record.outcome) {
                None => ("not begun", "quiet"),
                Some(WipeOutcome::Begun) => ("begun, and not ended", "wait"),
                Some(WipeOutcome::Erased) => ("erased", "good"),
                Some(WipeOutcome::Failed) => ("not erased", "bad"),
            };
            Row { disk, outcome, tone, record }
        };
        WipeCard {
            wipe,
            disks: plan
                .map(|(wipe, plan)| plan.disks.iter().map(|disk| row((wipe, disk))).collect())
                .unwrap_or_default(),
            left: plan.map_or(&[], |(_, plan)| &plan.left),
        }
    }
}
