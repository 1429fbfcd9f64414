//! A machine after an event: what changes with its state, and what a state begins with.

use api::event::Event;
use api::state::{Errand, Life, State};

use super::next::Step::{self, Go, Gone, Refuse, Stay};
use super::next::is_installed;

/// The machine after the event. State, generation and the attributes change together, here and nowhere else.
pub fn after(life: &Life, event: &Event, step: Step) -> Life {
    let mut new = *life;
    match event {
        _ if matches!(step, Refuse(_)) => return new,
        Event::Hold => new.hold = true,
        Event::Release => new.hold = false,
        Event::PowerOff => new.power_off = true,
        Event::PowerOn => new.power_off = false,
        Event::Enroll => new.enrolled = true,
        Event::Approved { erase_foreign } => (new.approved, new.erase_foreign) = (true, *erase_foreign),
        Event::Assigned { clustered } => (new.assigned, new.clustered) = (true, *clustered),
        Event::Assign { clustered, .. } => {
            // What was approved was the erasure of the disks that another profile picks.
            (new.assigned, new.approved, new.erase_foreign) = (true, false, false);
            new.clustered = *clustered && !is_installed(life);
            new.errand = if life.errand == Errand::Reprovision { Errand::None } else { life.errand };
            // A retry would go on with the other profile's plan: it begins from the facts instead.
            new.failed_in = new.failed_in.map(|of| if writes(of) { State::Inspecting } else { of });
        }
        // The verb has shown the disks and asked; that is the approval.
        Event::Reprovision { erase_foreign } => {
            (new.errand, new.approved, new.erase_foreign) = (Errand::Reprovision, true, *erase_foreign);
        }
        Event::Inspect if step != Stay => new.errand = Errand::Inspect,
        Event::Wipe { .. } => new.errand = Errand::Release,
        Event::Retire { .. } => new.errand = Errand::Retire,
        Event::Rescue { .. } => new.errand = Errand::Rescue,
        Event::Delete if step != Gone => new.errand = Errand::Delete,
        Event::LayoutVerified { .. } => new.installed = 0,
        Event::Installed { generation } => new.installed = *generation,
        _ => {}
    }
    if let Go(state) = step {
        new.state = state;
        new.failed_in = (state == State::Failed).then_some(life.state);
        arrive(&mut new, life.state);
    }
    if is_settled(new.state) {
        new.errand = Errand::None;
    }
    new
}

/// What a state begins with.
fn arrive(new: &mut Life, from: State) {
    match new.state {
        // A retry goes on with the generation that failed; every other way here begins a new one.
        State::Partitioning if from != State::Failed => new.generation += 1,
        State::Available | State::Booting | State::Rescue => {
            (new.approved, new.erase_foreign) = (false, false)
        }
        // From the first erased sector on, nothing on the disks counts as installed.
        State::Wiping => new.installed = 0,
        State::Retired => (new.approved, new.erase_foreign, new.enrolled) = (false, false, false),
        _ => {}
    }
}

/// Where no errand leads any further.
const fn is_settled(state: State) -> bool {
    use State as S;
    matches!(
        state,
        S::Discovered
            | S::Available
            | S::Partitioning
            | S::Installing
            | S::Booting
            | S::Joining
            | S::Active
            | S::Rescue
            | S::Retired
    )
}

/// States that write what a profile says.
const fn writes(state: State) -> bool {
    matches!(state, State::Partitioning | State::Installing)
}
