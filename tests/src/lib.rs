//! What the tests across crates share: the built programs, and a real server in a virtual rack.

pub mod chromium;
pub mod desk;
pub mod disks;
pub mod hall;
pub mod kube;
pub mod operator;
pub mod planes;
pub mod power_cut;
pub mod server;
pub mod ssh;
pub mod stage;
pub mod terminal;
