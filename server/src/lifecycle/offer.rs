//! What an agent that asks for work is told, given where it lives and what is wanted of its machine.

use api::state::{Errand, Home, Life, State};
use api::task::{RebootTo, TaskKind};

use super::want::{Power, hands_off, rests, want};

/// The session that asks.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a> {
    pub home: Home,
    pub boot_id: &'a str,
    /// Of the OS it runs in; 0 in RAM.
    pub generation: i64,
}

/// What lies in the store for this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stored<'a> {
    /// A plan is frozen: of the running generation, or of the wipe that runs.
    pub planned: bool,
    /// The boot whose facts are the newest.
    pub facts_of: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    Work(TaskKind),
    Reboot(RebootTo),
    /// Ask again.
    Nothing,
}

pub fn offer(life: &Life, session: Session<'_>, stored: Stored<'_>) -> Offer {
    let wanted = want(life);
    if rests(life) {
        return Offer::Nothing;
    }
    match (wanted.home, session.home) {
        (None, _) => return Offer::Nothing,
        // A newer install than this row knows of: the database was restored, and the machine serves. It is left alone
        // until a person wants something of it.
        (_, Home::Disk) if session.generation > life.generation && life.errand == Errand::None => {
            return Offer::Nothing;
        }
        (Some(Home::Ram), Home::Disk) => return Offer::Reboot(RebootTo::Network),
        (Some(Home::Disk), Home::Ram) => return Offer::Reboot(RebootTo::Disk),
        // An older install answered from some disk: through the network, so that our script picks the next one.
        (Some(Home::Disk), Home::Disk) if session.generation != life.generation => {
            return Offer::Reboot(RebootTo::Network);
        }
        _ => {}
    }
    let stale = stored.facts_of != Some(session.boot_id);
    match (life.state, wanted.task) {
        // A plan is frozen only from facts of this very boot, and what was frozen in an earlier one is compared with them.
        (State::Available, _) if stale => Offer::Work(TaskKind::Inspect),
        (_, Some(TaskKind::Partition | TaskKind::Wipe)) if stale => Offer::Work(TaskKind::Inspect),
        (_, Some(TaskKind::Partition | TaskKind::Wipe)) if !stored.planned => Offer::Nothing,
        (_, Some(kind)) => Offer::Work(kind),
        (_, None) => Offer::Nothing,
    }
}

/// The OS that spoke last is to go: to RAM, or to the network's boot script.
pub fn is_sent_back(life: &Life, home: Option<Home>, generation: i64) -> bool {
    let session = Session { home: Home::Disk, boot_id: "", generation };
    home == Some(Home::Disk) && offer(life, session, Stored::default()) == Offer::Reboot(RebootTo::Network)
}

/// Whether the machine as it is now still wants what was decided for it a moment ago.
pub fn still_wanted(life: &Life, generation: i64, kind: TaskKind) -> bool {
    let fits = match kind {
        // They read, or move the agent to where it should be: harmless in every state.
        TaskKind::Inspect | TaskKind::Reboot => !rests(life),
        // One that is to be off rests; one that hands are in is not touched either.
        TaskKind::PowerOff => want(life).power == Power::Off && !hands_off(life),
        kind => want(life).task == Some(kind) && !rests(life),
    };
    fits && generation == life.generation
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAM: Session<'_> = Session { home: Home::Ram, boot_id: "b1", generation: 0 };

    fn disk(generation: i64) -> Session<'static> {
        Session { home: Home::Disk, boot_id: "b2", generation }
    }

    fn life(state: State, generation: i64, installed: i64) -> Life {
        Life { state, generation, installed, ..Life::new(true) }
    }

    #[test]
    fn a_task_goes_only_to_the_home_that_is_wanted() {
        let active = life(State::Active, 1, 1);
        assert_eq!(offer(&active, RAM, Stored::default()), Offer::Reboot(RebootTo::Disk));
        assert_eq!(offer(&active, disk(1), Stored::default()), Offer::Nothing);
        let inspecting = life(State::Inspecting, 1, 1);
        assert_eq!(offer(&inspecting, disk(1), Stored::default()), Offer::Reboot(RebootTo::Network));
        assert_eq!(offer(&inspecting, RAM, Stored::default()), Offer::Work(TaskKind::Inspect));
    }

    #[test]
    fn an_old_generation_is_sent_back_through_the_network() {
        let booting = life(State::Booting, 2, 2);
        assert_eq!(offer(&booting, disk(1), Stored::default()), Offer::Reboot(RebootTo::Network));
        assert_eq!(offer(&booting, disk(2), Stored::default()), Offer::Nothing);
    }

    #[test]
    fn a_newer_generation_than_the_row_knows_is_left_alone() {
        for state in State::ALL {
            assert_eq!(offer(&life(state, 1, 1), disk(2), Stored::default()), Offer::Nothing, "{state}");
        }
        let wish = Life { errand: Errand::Reprovision, ..life(State::Inspecting, 1, 1) };
        assert_eq!(offer(&wish, disk(2), Stored::default()), Offer::Reboot(RebootTo::Network));
    }

    #[test]
    fn nothing_is_erased_without_a_plan_from_facts_of_this_boot() {
        let partitioning = life(State::Partitioning, 1, 0);
        let stale = Stored { planned: false, facts_of: Some("b0") };
        assert_eq!(offer(&partitioning, RAM, stale), Offer::Work(TaskKind::Inspect));
        let fresh = Stored { planned: false, facts_of: Some("b1") };
        assert_eq!(offer(&partitioning, RAM, fresh), Offer::Nothing);
        let earlier = Stored { planned: true, facts_of: Some("b0") };
        assert_eq!(offer(&partitioning, RAM, earlier), Offer::Work(TaskKind::Inspect));
        let planned = Stored { planned: true, facts_of: Some("b1") };
        assert_eq!(offer(&partitioning, RAM, planned), Offer::Work(TaskKind::Partition));
    }

    #[test]
    fn only_what_is_wanted_off_is_told_to_go_down() {
        for state in State::ALL {
            let on = life(state, 1, 1);
            let off = Life { power_off: true, ..on };
            let wanted = |life: &Life, kind| still_wanted(life, 1, kind);
            assert!(!wanted(&on, TaskKind::PowerOff) && wanted(&off, TaskKind::PowerOff), "{state}");
            assert!(!wanted(&Life { hold: true, ..off }, TaskKind::PowerOff), "{state}");
            assert!(!still_wanted(&off, 2, TaskKind::PowerOff), "{state}");
            assert!(wanted(&on, TaskKind::Reboot) && !wanted(&off, TaskKind::Reboot), "{state}");
        }
    }

    #[test]
    fn a_hold_stops_tasks_and_reboots_alike() {
        for state in State::ALL {
            let held = Life { hold: true, ..life(state, 1, 1) };
            assert_eq!(offer(&held, RAM, Stored::default()), Offer::Nothing);
            assert_eq!(offer(&held, disk(1), Stored::default()), Offer::Nothing);
        }
    }
}
