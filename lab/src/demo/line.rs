//! One machine's progress in one line. Pure.

use api::machine::{Machine, TaskProgress};
use api::state::State;

pub fn line(name: &str, machine: Option<&Machine>, now: i64) -> String {
    let Some(machine) = machine else {
        return format!("{name}  powered on, and has not asked for an address yet");
    };
    let seconds = (now - machine.since).max(0) / 1_000_000;
    format!("{name}  {:<12} {seconds:>4} s  {}", machine.state.as_str(), doing(machine))
}

/// What of the line is worth a new line where lines cannot be redrawn.
pub fn milestone(machine: Option<&Machine>) -> String {
    let Some(machine) = machine else { return String::new() };
    let phase = machine.progress.as_ref().map(|task| &task.progress.phase);
    let wait = machine.wait.as_ref().map(|wait| &wait.waiting_for);
    format!("{} {:?}", machine.state, (phase, wait, &machine.reason))
}

fn doing(machine: &Machine) -> String {
    if machine.state == State::Failed {
        let step = machine.failed_in.map(|state| format!(" while {state}")).unwrap_or_default();
        return format!("failed{step}: {}", machine.reason.as_deref().unwrap_or("no reason was given"));
    }
    if let Some(task) = &machine.progress {
        return progress(task);
    }
    match (&machine.wait, machine.address) {
        (Some(wait), _) => format!("waits for {}", wait.waiting_for),
        (None, Some(address)) => format!("at {address}"),
        (None, None) => String::new(),
    }
}

fn progress(task: &TaskProgress) -> String {
    let phase = &task.progress.phase;
    let (done, total) = (task.progress.done, task.progress.total);
    if total == 0 {
        return phase.clone();
    }
    let left = task.eta().map(|seconds| format!(", {seconds} s left")).unwrap_or_default();
    format!("{phase}: {} of {} MB{left}", done / 1_000_000, total / 1_000_000)
}

#[cfg(test)]
mod tests {
    use api::id::MachineId;
    use api::task::Progress;
    use api::wait::Wait;

    use super::*;

    fn machine(state: State) -> Machine {
        Machine {
            id: MachineId("m1".into()),
            hostname: None,
            interfaces: vec![],
            uplink: None,
            reserved: None,
            labels: Default::default(),
            serial: String::new(),
            address: Some([10, 77, 0, 100].into()),
            profile: None,
            position: None,
            state,
            since: 1_000_000,
            generation: 1,
            installed: 0,
            failed_in: None,
            reason: None,
            errand: Default::default(),
            hold: false,
            quarantine: None,
            maintenance: false,
            power_off: false,
            enrolled: true,
            wait: None,
            progress: None,
            node: None,
            home: None,
            power: None,
            last_seen: None,
            version: 1,
        }
    }

    fn check(machine: Option<&Machine>, expected: &str) {
        assert_eq!(line("node01", machine, 9_000_000), expected);
    }

    #[test]
    fn each_kind_of_line() {
        check(None, "node01  powered on, and has not asked for an address yet");
        check(Some(&machine(State::Active)), "node01  active          8 s  at 10.77.0.100");

        let mut waits = machine(State::Booting);
        let (waiting_for, evidence, then) = ("its own disk's hello".into(), String::new(), String::new());
        waits.wait = Some(Wait { waiting_for, since: 0, deadline: None, evidence, then });
        check(Some(&waits), "node01  booting         8 s  waits for its own disk's hello");

        let mut works = machine(State::Installing);
        let progress = Progress { phase: "root".into(), done: 50_000_000, total: 200_000_000 };
        works.progress = Some(TaskProgress { progress, since: 0, at: 5_000_000 });
        check(Some(&works), "node01  installing      8 s  root: 50 of 200 MB, 15 s left");

        let mut failed = machine(State::Failed);
        failed.failed_in = Some(State::Partitioning);
        failed.reason = Some("no disk matches".into());
        check(Some(&failed), "node01  failed          8 s  failed while partitioning: no disk matches");
    }
}
