//! The virtual rack: QEMU machines, their power and their switch in network namespaces, and the faults to try on them.
//! The server under test is one more process in the rack and does not know where it is.

pub mod accel;
pub mod bmc;
mod capture;
mod child;
pub mod cluster;
pub mod console;
pub mod demo;
pub mod disk;
pub mod forward;
pub mod hardware;
pub mod kubectl;
pub mod netns;
mod order;
pub mod post;
mod power;
mod process;
pub mod qemu;
pub mod qmp;
pub mod rack;
mod record;
mod serial;
pub mod signals;
pub mod standby;
mod watch;

pub use accel::Accel;
pub use forward::Forward;
pub use hardware::{BootOrder, Bus, Disk, Firmware, Hardware, Nic, NicModel, Rom, Smbios, Watchdog};
pub use power::{Machine, Status, swap_disks};
pub use rack::{Rack, SERVER_INTERFACE};
