//! What an event does to a machine: one row a transition, and nothing else decides.

use api::event::Event;
use api::state::{Errand, Home, Life, State};

/// The answer to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Go(State),
    /// Fine here, and changes no state.
    Stay,
    /// Not expected here: kept in the history, flagged, and without effect.
    Refuse(&'static str),
}

use Step::{Go, Refuse, Stay};

/// The table. Read it as: in this state, when this happens.
pub fn next(life: &Life, event: &Event) -> Step {
    use Event as E;
    use State as S;
    match (life.state, event) {
        // Attributes beside the state, from anywhere.
        (_, E::Hold | E::Release) => Stay,
        (S::Retired, E::Assigned { .. } | E::Approved | E::Allowed) => {
            Refuse("it is retired: enroll it first")
        }
        (_, E::Assigned { .. }) => Stay,

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
        (S::Available, E::Approved | E::Allowed) if life.assigned => Go(S::Partitioning),
        (S::Discovered | S::Inspecting | S::Available, E::Approved) => Stay,
        (S::Available, E::Allowed) => Refuse("it has no profile yet"),
        (_, E::Approved | E::Allowed) => Refuse("nothing of it waits for approval"),

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
        (S::Booting, E::Hello { home: Home::Disk, generation, .. }) => match *generation == life.generation {
            true => Go(if life.clustered { S::Joining } else { S::Active }),
            false => Refuse("the old OS answered"),
        },
        (S::Discovered, E::Hello { .. }) => Refuse("it is not enrolled"),
        (S::Retired, E::Hello { home: Home::Ram, .. }) => Refuse("it is retired"),
        // A reboot that nobody asked for is an event; the state stays what it is.
        (_, E::Hello { .. }) => Stay,

        // The cluster.
        (S::Joining, E::NodeReady) => Go(S::Active),
        (S::Active, E::NodeReady) => Stay,
        (_, E::NodeReady) => Refuse("it is not joining"),
        (S::Draining, E::Drained) => Go(after_draining(life)),
        (_, E::Drained) => Refuse("it is not draining"),

        // Erasure for release or retirement.
        (S::Wiping, E::Wiped) if life.errand == Errand::Retire => Go(S::Retired),
        (S::Wiping, E::Wiped) => Go(S::Available),
        (_, E::Wiped) => Refuse("it is not wiping"),

        // Failure and patience.
        (state, E::StepFailed { .. } | E::DeadlinePassed) if works(state) => Go(S::Failed),
        (S::Failed, E::StepFailed { .. }) => Stay,
        (_, E::StepFailed { .. }) => Refuse("no step of it is running"),
        (_, E::DeadlinePassed) => Refuse("nothing of it has a deadline"),

        // What operators want.
        (S::Failed, E::Retry) => Go(life.failed_in.unwrap_or(S::Inspecting)),
        (_, E::Retry) => Refuse("nothing of it has failed"),

        (_, E::Reprovision) if !life.assigned => Refuse("it has no profile: assign one first"),
        (S::Active | S::Joining | S::Booting | S::Failed | S::Rescue, E::Reprovision) => {
            Go(leave_for(life, S::Inspecting))
        }
        (S::Discovered | S::Inspecting | S::Available, E::Reprovision) => {
            Refuse("nothing is installed yet: approve it")
        }
        (S::Partitioning | S::Installing, E::Reprovision) => Refuse("it is being installed"),
        (S::Draining | S::Wiping, E::Reprovision) => Refuse("it is on its way to something else"),
        (S::Retired, E::Reprovision) => Refuse("it is retired: enroll it first"),

        (S::Inspecting, E::Inspect) => Stay,
        (S::Available | S::Failed, E::Inspect) => Go(S::Inspecting),
        (S::Active, E::Inspect) => Go(leave_for(life, S::Inspecting)),
        (_, E::Inspect) => Refuse("it cannot be inspected from here"),

        (S::Available | S::Failed | S::Rescue, E::Wipe) => Go(S::Wiping),
        (S::Active | S::Joining | S::Booting, E::Wipe) => Go(leave_for(life, S::Wiping)),
        (_, E::Wipe) => Refuse("it cannot be wiped from here"),

        (S::Inspecting | S::Available | S::Failed | S::Booting, E::Rescue) => Go(S::Rescue),
        (S::Active | S::Joining, E::Rescue) => Go(leave_for(life, S::Rescue)),
        (_, E::Rescue) => Refuse("it cannot be rescued from here"),
        (S::Rescue, E::Leave) if life.installed > 0 => Go(S::Booting),
        (S::Rescue, E::Leave) => Go(S::Inspecting),
        (_, E::Leave) => Refuse("it is not in rescue"),

        (S::Retired, E::Retire) => Stay,
        (S::Discovered, E::Retire) => Go(S::Retired),
        (S::Inspecting | S::Available | S::Failed | S::Rescue, E::Retire) => Go(S::Wiping),
        (S::Active | S::Joining | S::Booting, E::Retire) => Go(leave_for(life, S::Wiping)),
        (_, E::Retire) => Refuse("it is in the middle of something: hold it, or wait"),
    }
}

/// The machine after the event. State, generation and the attributes change together, here and nowhere else.
pub fn after(life: &Life, event: &Event, step: Step) -> Life {
    let mut new = *life;
    match event {
        _ if matches!(step, Refuse(_)) => return new,
        Event::Hold => new.hold = true,
        Event::Release => new.hold = false,
        Event::Enroll => new.enrolled = true,
        Event::Approved => new.approved = true,
        Event::Assigned { clustered } => (new.assigned, new.clustered) = (true, *clustered),
        // The verb has shown the disks and asked; that is the approval.
        Event::Reprovision => (new.errand, new.approved) = (Errand::Reprovision, true),
        Event::Inspect => new.errand = Errand::Inspect,
        Event::Wipe => new.errand = Errand::Release,
        Event::Retire => new.errand = Errand::Retire,
        Event::Rescue => new.errand = Errand::Rescue,
        Event::LayoutVerified { .. } => new.installed = 0,
        Event::Installed { generation } => new.installed = *generation,
        Event::Wiped => new.installed = 0,
        _ => {}
    }
    if let Go(state) = step {
        new.state = state;
        new.failed_in = (state == State::Failed).then_some(life.state);
        match state {
            // A retry goes on with the generation that failed; every other way here begins a new one.
            State::Partitioning if life.state != State::Failed => {
                new.generation += 1;
                new.errand = Errand::None;
            }
            State::Booting | State::Available | State::Rescue | State::Retired => {
                (new.errand, new.approved) = (Errand::None, false);
            }
            // The numbering goes on, so that an old plan never fits.
            State::Discovered => new = Life { generation: life.generation, ..Life::new(true) },
            _ => {}
        }
    }
    new
}

/// States in which somebody works on the machine, so that a step of it can fail.
pub const fn works(state: State) -> bool {
    use State as S;
    matches!(
        state,
        S::Inspecting | S::Partitioning | S::Installing | S::Booting | S::Joining | S::Draining | S::Wiping
    )
}

fn after_inspection(life: &Life) -> State {
    match life.errand {
        Errand::Reprovision => State::Partitioning,
        Errand::Release | Errand::Retire => State::Wiping,
        Errand::Rescue => State::Rescue,
        Errand::None | Errand::Inspect if life.installed > 0 => State::Booting,
        Errand::None | Errand::Inspect => State::Available,
    }
}

fn after_draining(life: &Life) -> State {
    match life.errand {
        Errand::Release | Errand::Retire => State::Wiping,
        Errand::Rescue => State::Rescue,
        Errand::None | Errand::Inspect | Errand::Reprovision => State::Inspecting,
    }
}

/// A node leaves its cluster first; without a cluster there is nothing to drain.
const fn leave_for(life: &Life, state: State) -> State {
    match life.clustered && matches!(life.state, State::Active | State::Joining) {
        true => State::Draining,
        false => state,
    }
}
