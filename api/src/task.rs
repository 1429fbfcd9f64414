//! What an agent is asked to do. A task belongs to one generation and may be handed out again after a crash
//! of either side, so every step is written to be repeated.

use serde::{Deserialize, Serialize};

use crate::cluster::{ClusterStep, JoinOrder};
use crate::id::{Hostname, Mac};
use crate::image::Bootloader;
use crate::plan::Plan;
use crate::rung::{RamImage, Rung};
use crate::wipe::{WipePlan, WipedDisk};

/// The kinds of work that the lifecycle wants of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskKind {
    Inspect,
    Partition,
    Install,
    Wipe,
    Rescue,
    Join,
    Leave,
    Cluster,
    Reboot,
    PowerOff,
}

impl TaskKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            TaskKind::Inspect => "inspect",
            TaskKind::Partition => "partition",
            TaskKind::Install => "install",
            TaskKind::Wipe => "wipe",
            TaskKind::Rescue => "rescue",
            TaskKind::Join => "join",
            TaskKind::Leave => "leave",
            TaskKind::Cluster => "cluster",
            TaskKind::Reboot => "reboot",
            TaskKind::PowerOff => "poweroff",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub id: String,
    pub generation: i64,
    pub work: Work,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Work {
    /// Read the hardware and report the facts.
    Inspect,
    /// Write the plan's table and file systems. Repeatable until the layout is verified.
    Partition { plan: Box<Plan>, hash: String },
    /// Write OS, bootloader and identity into a verified layout. Touches no table.
    Install { plan: Box<Plan>, hash: String, setup: Box<Setup> },
    /// Erase the plan's disks, and put on record what became of each. `record`: what an earlier boot of this wipe told.
    Wipe { plan: Box<WipePlan>, hash: String, record: Vec<WipedDisk> },
    /// Let the owners of these public keys log in by SSH until nobody wants it any more. Writes to no disk.
    Rescue { authorized_keys: Vec<String> },
    /// Make this machine a node: checks, then kubeadm init or join.
    Join { order: Box<JoinOrder> },
    /// Stop being a node: kubelet and its containers stop, and nothing starts them again.
    Leave,
    /// A step for the cluster, done by a control plane.
    Cluster { step: Box<ClusterStep> },
    /// Leave this home for the one that is wanted.
    Reboot {
        to: RebootTo,
        /// Of several ways to the network the one to go now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        way: Option<Box<Way>>,
    },
    /// Go down and stay down. The cards are left so that a magic packet wakes them.
    PowerOff,
}

impl Work {
    pub const fn kind(&self) -> TaskKind {
        match self {
            Work::Inspect => TaskKind::Inspect,
            Work::Partition { .. } => TaskKind::Partition,
            Work::Install { .. } => TaskKind::Install,
            Work::Wipe { .. } => TaskKind::Wipe,
            Work::Rescue { .. } => TaskKind::Rescue,
            Work::Join { .. } => TaskKind::Join,
            Work::Leave => TaskKind::Leave,
            Work::Cluster { .. } => TaskKind::Cluster,
            Work::Reboot { .. } => TaskKind::Reboot,
            Work::PowerOff => TaskKind::PowerOff,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RebootTo {
    /// The RAM agent, by the way that the task names; without one by UEFI BootNext where the firmware has a network
    /// entry, else by a plain reboot.
    Network,
    /// Its own disk, through the firmware's order.
    Disk,
}

/// One way back to the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    pub rung: Rung,
    /// For a way that starts the RAM image from the disk.
    pub ram: Option<RamImage>,
}

/// What the installed system is told about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    pub site: String,
    pub hostname: Hostname,
    pub authorized_keys: Vec<String>,
    /// Kernel console arguments in order, such as `ttyS0,115200n8`; the last is the system's main one.
    pub consoles: Vec<String>,
    /// More arguments of the kernel, a word each.
    pub kernel_arguments: Vec<String>,
    /// The interfaces that get an address by DHCP, matched by MAC.
    pub interfaces: Vec<Mac>,
    pub ntp: Vec<String>,
    pub boot: Bootloader,
    /// Path of the image file below the HTTP boot server.
    pub image_path: String,
    /// Kept beside the OS as a way back to RAM.
    #[serde(default)]
    pub ram: Option<RamImage>,
}

/// How far a task has come. Counted in bytes where `total` is not 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Progress {
    pub phase: String,
    pub done: u64,
    pub total: u64,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    Done,
    /// For good: trying the same again would not help without a person or a change.
    Failed {
        reason: String,
    },
}
