//! The record of a wipe: what was done to each disk, and what was not.

use api::wipe::{Wipe, WipeOutcome, WipedDisk};

use super::paint::Tone;
use super::table::Table;
use super::words::{clean, moment};

pub fn record(wipe: &Wipe) -> Table {
    let mut table = Table::new(&[]).indented();
    let wanted = format!("wanted by {}: {}", wipe.who, wipe.wish);
    table.row([(moment(wipe.at), Tone::Quiet), (clean(&wanted), Tone::Plain)]);
    let Some(plan) = &wipe.plan else {
        table.row([("not begun".into(), Tone::Waiting), ("its plan is frozen in RAM".into(), Tone::Quiet)]);
        return table;
    };
    for disk in &plan.disks {
        let (word, tone, steps) = match wipe.outcome(disk) {
            None => ("not begun", Tone::Waiting, String::new()),
            Some(wiped) => {
                let (word, tone) = outcome(wiped.outcome);
                (word, tone, steps(wiped))
            }
        };
        table.row([(word.into(), tone), (disk.name.to_string(), Tone::Plain), (clean(&steps), Tone::Quiet)]);
    }
    for left in &plan.left {
        let tone = if left.wanted { Tone::Bad } else { Tone::Quiet };
        table.row([
            ("left".into(), tone),
            (left.name.to_string(), Tone::Plain),
            (clean(&left.why), Tone::Quiet),
        ]);
    }
    table
}

const fn outcome(outcome: WipeOutcome) -> (&'static str, Tone) {
    match outcome {
        WipeOutcome::Begun => ("begun", Tone::Waiting),
        WipeOutcome::Erased => ("erased", Tone::Plain),
        WipeOutcome::Failed => ("not erased", Tone::Bad),
    }
}

/// What was tried, in order, each with why it did not work.
fn steps(wiped: &WipedDisk) -> String {
    let each = wiped.steps.iter().map(|step| match &step.error {
        None => step.method.clone(),
        Some(error) => format!("{} did not work ({error})", step.method),
    });
    each.collect::<Vec<_>>().join(", then ")
}

#[cfg(test)]
mod tests {
    use api::id::MachineId;
    use api::wipe::{DiskName, LeftDisk, WipeDisk, WipePlan, WipeScope, WipeStep, WipeWish};

    use super::super::paint::Paint;
    use super::*;

    fn name(serial: &str) -> DiskName {
        DiskName { model: "TESTDISK".into(), serial: serial.into(), wwn: String::new(), size: 20_000_000_000 }
    }

    #[test]
    fn done_and_not_done_are_told_apart_without_colour() {
        let disks = ["A", "B", "C"].map(name);
        let planned =
            disks.clone().map(|name| WipeDisk { name, sector_size: 512, fingerprint: String::new() });
        let step = |method: &str, error: Option<&str>| WipeStep {
            method: method.into(),
            error: error.map(Into::into),
        };
        let wiped = |serial, outcome, steps| WipedDisk { name: name(serial), outcome, steps, at: 0 };
        let left = LeftDisk { name: name("D"), why: "it is not there".into(), wanted: true };
        let wish = WipeWish {
            scope: WipeScope::All,
            skip_failed: true,
            disks: disks.to_vec(),
            ..WipeWish::default()
        };
        let plan = WipePlan {
            machine: MachineId("m".into()),
            number: 1,
            boot_id: "b".into(),
            full: false,
            disks: planned.to_vec(),
            left: vec![left],
        };
        let tried =
            vec![step("discard of all blocks", Some("not supported")), step("zeros over tables", None)];
        let record_ = vec![
            wiped("A", WipeOutcome::Erased, tried),
            wiped("B", WipeOutcome::Failed, vec![step("look at it", Some("it changed"))]),
        ];
        let wipe = Wipe { number: 1, at: 0, who: "ann".into(), wish, plan: Some(plan), record: record_ };
        let text = record(&wipe).render(Paint::default(), None);
        let lines: Vec<String> =
            text.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "erased TESTDISK, serial A, 20 GB discard of all blocks did not work (not supported), then zeros over tables",
                "not erased TESTDISK, serial B, 20 GB look at it did not work (it changed)",
                "not begun TESTDISK, serial C, 20 GB",
                "left TESTDISK, serial D, 20 GB it is not there",
            ]
        );
        assert!(text.lines().next().is_some_and(|first| first.contains("--skip-failed")), "{text}");
    }
}
