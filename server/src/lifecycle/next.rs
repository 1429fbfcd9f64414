//! What an event does to a machine: one row a transition, and nothing else decides.

use api::event::Event;
use api::state::{Errand, Home, Life, State};

use super::want::hands_off;

/// The answer to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Go(State),
    /// Fine here, and changes no state.
    Stay,
    /// Its row goes, and a tombstone stays.
    Gone,
    /// Not expected here: kept in the history, flagged, and without effect.
    Refuse(&'static str),
}

use Step::{Go, Gone, Refuse, Stay};

/// The table. Read it as: in this state, when this happens.
pub fn next(life: &Life, event: &Event) -> Step {
    use Event as E;
    use State as S;
    match (life.state, event) {
        // Attributes beside the state, from anywhere.
        (_, E::Hold | E::Release) => Stay,
        // It changes no boot and begins nothing: the install waits for the release.
        (S::Available, E::Approved { .. }) if hands_off(life) => Stay,
        // Hands may be in the chassis: what would change its boot waits for the release.
        _ if hands_off(life) && is_wish(event) => Refuse("it is on hold: release it first"),
        // What it does waits while it is off, and goes on where it was.
        (_, E::PowerOff | E::PowerOn) => Stay,
        (S::Retired, E::Assigned { .. } | E::Assign { .. } | E::Approved { .. } | E::Allowed) => {
            Refuse("it is retired: enroll it first")
        }
        (_, E::Assigned { .. }) => Stay,
        (_, E::Assign { .. }) => assign(life),

        // From cable to agent.
        (S::Discovered, E::Hello { home: Home::Ram, .. }) if life.enrolled => Go(S::Inspecting),
        (S::Discovered, E::Enroll) if life.enrolled => Refuse("it is enrolled already"),
        (S::Discovered, E::Enroll) => Stay,
        (S::Retired, E::Enroll) => Go(S::Discovered),
        (_, E::Enroll) => Refuse("it is enrolled already"),

        // The facts of a RAM boot: on to what the machine is here for.
        (S::Inspecting, E::FactsReported) => Go(after_inspection(life)),
        (_, E::FactsReported) => Stay,

        // A plan may be frozen now.
        (S::Available, E::Approved { .. } | E::Allowed) if life.assigned => Go(S::Partitioning),
        (S::Available, E::Approved { .. }) => Stay,
        (S::Available, E::Allowed) => Refuse("it has no profile yet"),
        // Whoever approves has seen what is on the disks.
        (S::Discovered | S::Inspecting, E::Approved { .. }) => {
            Refuse("its disks are not known yet: wait until it is available")
        }
        (_, E::Approved { .. } | E::Allowed) => Refuse("nothing of it waits for approval"),

        // Destruction and building, once a generation.
        (S::Partitioning, E::LayoutVerified { generation }) if *generation == life.generation => {
            Go(S::Installing)
        }
        (S::Installing, E::LayoutVerified { generation }) if *generation == life.generation => Stay,
        (_, E::LayoutVerified { .. }) => Refuse("no layout of that generation is being written"),
        (S::Installing, E::Installed { generation }) if *generation == life.generation => Go(S::Booting),
        (S::Booting, E::Installed { generation }) if *generation == life.generation => Stay,
        (_, E::Installed { .. }) => Refuse("no OS of that generation is being installed"),

        // Its own disk answers: only this generation's OS counts.
        (
            S::Booting | S::Joining | S::Active | S::Draining,
            E::Hello { home: Home::Disk, generation, .. },
        ) if *generation != life.generation => Refuse(stranger(life, *generation)),
        (S::Booting, E::Hello { home: Home::Disk, .. }) => {
            Go(if life.clustered { S::Joining } else { S::Active })
        }
        (S::Discovered, E::Hello { home: Home::Ram, .. }) => Refuse("it is not enrolled"),
        (S::Discovered, E::Hello { home: Home::Disk, .. }) => Refuse("an OS answered that nobody knows of"),
        (S::Retired, E::Hello { .. }) => Refuse("it is retired"),
        // A reboot that nobody asked for is an event; the state stays what it is.
        (_, E::Hello { .. }) => Stay,

        // The cluster.
        (S::Joining, E::NodeReady) => Go(S::Active),
        (S::Active, E::NodeReady) => Stay,
        (_, E::NodeReady) => Refuse("it is not joining"),
        (S::Draining, E::Drained) => after_draining(life),
        (_, E::Drained) => Refuse("it is not draining"),

        // Erasure for release or retirement.
        (S::Wiping, E::Wiped) if life.errand == Errand::Retire => Go(S::Retired),
        (S::Wiping, E::Wiped) => Go(S::Available),
        (_, E::Wiped) => Refuse("it is not wiping"),

        // Failure and patience.
        (state, E::StepFailed { .. } | E::DeadlinePassed { .. }) if works(state) => Go(S::Failed),
        // These two wait for a person and have no deadline, but an agent does something for them too.
        (S::Available | S::Rescue, E::StepFailed { .. }) => Go(S::Failed),
        (S::Failed, E::StepFailed { .. }) => Stay,
        (_, E::StepFailed { .. }) => Refuse("no step of it is running"),
        (_, E::DeadlinePassed { .. }) => Refuse("nothing of it has a deadline"),

        // What operators want.
        (S::Failed, E::Retry) => Go(life.failed_in.unwrap_or(S::Inspecting)),
        (_, E::Retry) => Refuse("nothing of it has failed"),

        (_, E::Reprovision { .. }) if !life.assigned => Refuse("it has no profile: assign one first"),
        (S::Active | S::Joining | S::Booting | S::Failed | S::Rescue, E::Reprovision { .. }) => {
            Go(leave_for(life, S::Inspecting))
        }
        (S::Draining | S::Inspecting, E::Reprovision { .. }) if life.errand == Errand::Reprovision => Stay,
        (S::Discovered | S::Available, E::Reprovision { .. }) => {
            Refuse("nothing is installed yet: approve it")
        }
        (S::Inspecting, E::Reprovision { .. }) => Refuse("it is being inspected: wait for the end of that"),
        (S::Partitioning | S::Installing, E::Reprovision { .. }) => Refuse("it is being installed"),
        (S::Draining | S::Wiping, E::Reprovision { .. }) => Refuse("it is on its way to something else"),
        (S::Retired, E::Reprovision { .. }) => Refuse("it is retired: enroll it first"),

        // Said again on the way there, with what a person allows besides.
        (S::Draining, E::Inspect) if life.errand == Errand::Inspect => Stay,
        (S::Draining, E::Wipe { .. }) if life.errand == Errand::Release => Stay,
        (S::Draining, E::Rescue { .. }) if life.errand == Errand::Rescue => Stay,

        (S::Inspecting, E::Inspect) => Stay,
        (S::Available, E::Inspect) => Go(S::Inspecting),
        (S::Active | S::Failed, E::Inspect) => Go(leave_for(life, S::Inspecting)),
        (_, E::Inspect) => Refuse("it cannot be inspected from here"),

        (S::Wiping, E::Wipe { .. }) if life.errand == Errand::Release => Stay,
        (S::Available | S::Rescue, E::Wipe { .. }) => Go(S::Wiping),
        (S::Active | S::Joining | S::Booting | S::Failed, E::Wipe { .. }) => Go(leave_for(life, S::Wiping)),
        (_, E::Wipe { .. }) => Refuse("it cannot be wiped from here"),

        (S::Rescue, E::Rescue { .. }) => Stay,
        (S::Inspecting | S::Available | S::Booting, E::Rescue { .. }) => Go(S::Rescue),
        (S::Active | S::Joining | S::Failed, E::Rescue { .. }) => Go(leave_for(life, S::Rescue)),
        (_, E::Rescue { .. }) => Refuse("it cannot be rescued from here"),
        (S::Rescue, E::Leave) if is_installed(life) => Go(S::Booting),
        (S::Rescue, E::Leave) => Go(S::Inspecting),
        (_, E::Leave) => Refuse("it is not in rescue"),

        (S::Retired, E::Retire { .. }) => Stay,
        (S::Discovered, E::Retire { .. }) => Go(S::Retired),
        // It goes on with what it does, and ends as history.
        (S::Draining | S::Wiping, E::Retire { .. }) => Stay,
        (S::Inspecting | S::Available | S::Partitioning | S::Installing | S::Rescue, E::Retire { .. }) => {
            Go(S::Wiping)
        }
        (S::Active | S::Joining | S::Booting | S::Failed, E::Retire { .. }) => Go(leave_for(life, S::Wiping)),

        // A node leaves first; whatever else it is doing, nobody asks for the end of it any more.
        (S::Draining, E::Delete) => Stay,
        (_, E::Delete) if is_node(life) => Go(S::Draining),
        (_, E::Delete) => Gone,
    }
}

/// States in which somebody works on the machine, so that a step of it can fail.
pub const fn works(state: State) -> bool {
    use State as S;
    matches!(
        state,
        S::Inspecting | S::Partitioning | S::Installing | S::Booting | S::Joining | S::Draining | S::Wiping
    )
}

/// What people and rules want, as against what is reported.
const fn is_wish(event: &Event) -> bool {
    use Event as E;
    matches!(
        event,
        E::Approved { .. }
            | E::Allowed
            | E::Enroll
            | E::Reprovision { .. }
            | E::Inspect
            | E::Retry
            | E::Assign { .. }
            | E::Wipe { .. }
            | E::Rescue { .. }
            | E::Leave
            | E::Retire { .. }
            | E::Delete
            | E::PowerOff
            | E::PowerOn
    )
}

/// The OS of the running generation is on the disk. One that was there when a newer generation began does
/// not count: its disks may be half erased, and its certificate is no longer good.
pub const fn is_installed(life: &Life) -> bool {
    life.installed > 0 && life.installed == life.generation
}

/// Which OS it is that answers in the place of this generation's.
const fn stranger(life: &Life, generation: i64) -> &'static str {
    match generation < life.generation {
        true => "the old OS answered",
        false => "a newer OS answered than this row knows of: was the database restored?",
    }
}

fn after_inspection(life: &Life) -> State {
    match life.errand {
        Errand::Reprovision => State::Partitioning,
        Errand::Release | Errand::Retire => State::Wiping,
        Errand::Rescue => State::Rescue,
        Errand::None | Errand::Inspect | Errand::Delete if is_installed(life) => State::Booting,
        Errand::None | Errand::Inspect | Errand::Delete => State::Available,
    }
}

fn after_draining(life: &Life) -> Step {
    match life.errand {
        Errand::Release | Errand::Retire => Go(State::Wiping),
        Errand::Rescue => Go(State::Rescue),
        Errand::Delete => Gone,
        Errand::None | Errand::Inspect | Errand::Reprovision => Go(State::Inspecting),
    }
}

/// A profile says what will be installed, so it changes only where nothing of the other one is under way.
fn assign(life: &Life) -> Step {
    use State as S;
    match life.state {
        S::Partitioning | S::Installing | S::Booting | S::Joining => Refuse("it is being installed"),
        S::Draining | S::Wiping => Refuse("it is on its way to something else"),
        S::Inspecting if !matches!(life.errand, Errand::None | Errand::Inspect) => {
            Refuse("it is on its way to something else")
        }
        _ if life.clustered && is_installed(life) => {
            Refuse("its OS is a node of its profile's cluster: wipe it first, or reprovision it as it is")
        }
        _ => Stay,
    }
}

/// A node leaves its cluster first, and one whose joining or leaving failed is half in it; without a
/// cluster there is nothing to drain.
const fn leave_for(life: &Life, state: State) -> State {
    if is_node(life) { State::Draining } else { state }
}

const fn is_node(life: &Life) -> bool {
    let of_failed = matches!(life.failed_in, Some(State::Joining | State::Draining));
    life.clustered && (matches!(life.state, State::Active | State::Joining) || of_failed)
}
