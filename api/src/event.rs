//! What can happen to a machine. Everyone but the one writer only submits these.

use serde::{Deserialize, Serialize};

use crate::state::Home;
use crate::wipe::WipeWish;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    // From the wire and the agent.
    /// An agent came up and said where it lives. `generation` is 0 in RAM.
    Hello {
        home: Home,
        boot_id: String,
        generation: i64,
    },
    /// The facts of the running RAM boot are stored.
    FactsReported,
    /// The layout of the frozen plan was verified on disk.
    LayoutVerified {
        generation: i64,
    },
    /// The image was verified, bootloader and identity file are written.
    Installed {
        generation: i64,
    },
    /// The cluster shows the node Ready.
    NodeReady,
    /// The cluster has let go of the node.
    Drained,
    /// The disks are erased, or the record says why one was not.
    Wiped,
    /// A step failed for good.
    StepFailed {
        reason: String,
    },
    /// The state's deadline has passed.
    DeadlinePassed {
        /// When the state began whose patience is over: late news of an earlier state changes nothing.
        since: i64,
    },

    // From rules and operators.
    /// A profile was assigned, by a rule or a person.
    Assigned {
        clustered: bool,
    },
    /// A person gives it a profile, in the place of the one that it has.
    Assign {
        profile: String,
        clustered: bool,
    },
    /// The site's rule allows the erasure: nothing is on the disk that anybody could miss.
    Allowed,
    /// A person saw what is on the disks and allowed their erasure.
    Approved {
        /// Also where a disk holds another site's, another machine's or a newer generation's install.
        #[serde(default)]
        erase_foreign: bool,
    },
    /// A recorded machine is let in (again).
    Enroll,
    /// The verb shows the disks and asks, so it is an approval too.
    Reprovision {
        #[serde(default)]
        erase_foreign: bool,
    },
    Inspect,
    /// Try the failed step again, in the same generation.
    Retry,
    /// Erase and be free for something else.
    Wipe {
        wish: WipeWish,
    },
    Rescue {
        /// Public keys that may log in, beside those of its profile.
        keys: Vec<String>,
    },
    /// Ends `rescue`.
    Leave,
    /// Erase and be kept for history.
    Retire {
        wish: WipeWish,
    },
    /// Be forgotten: its disks stay as they are, and a tombstone keeps its ports from being let in again unasked.
    Delete,
    Hold,
    /// Ends a hold.
    Release,
    /// It is to be off, and stays so until somebody wants it on.
    PowerOff,
    /// It is to be on again.
    PowerOn,
}

impl Event {
    /// The event's name, as in JSON and in the history.
    pub const fn name(&self) -> &'static str {
        match self {
            Event::Hello { home: Home::Ram, .. } => "ram_hello",
            Event::Hello { home: Home::Disk, .. } => "disk_hello",
            Event::FactsReported => "facts_reported",
            Event::LayoutVerified { .. } => "layout_verified",
            Event::Installed { .. } => "installed",
            Event::NodeReady => "node_ready",
            Event::Drained => "drained",
            Event::Wiped => "wiped",
            Event::StepFailed { .. } => "step_failed",
            Event::DeadlinePassed { .. } => "deadline_passed",
            Event::Assigned { .. } => "assigned",
            Event::Assign { .. } => "assign",
            Event::Allowed => "allowed",
            Event::Approved { .. } => "approved",
            Event::Enroll => "enroll",
            Event::Reprovision { .. } => "reprovision",
            Event::Inspect => "inspect",
            Event::Retry => "retry",
            Event::Wipe { .. } => "wipe",
            Event::Rescue { .. } => "rescue",
            Event::Leave => "leave",
            Event::Retire { .. } => "retire",
            Event::Delete => "delete",
            Event::Hold => "hold",
            Event::Release => "release",
            Event::PowerOff => "power_off",
            Event::PowerOn => "power_on",
        }
    }
}
