//! Our drivers against the rack's BMCs: two implementations of one protocol, each of which proves the other.

#[path = "../../../lab/tests/ipmi/board.rs"]
mod board;
mod firmware;
mod ipmi;
mod ipmi_faults;
mod lying;
#[path = "../../../lab/tests/redfish_service/memory.rs"]
mod memory;
mod redfish;
mod redfish_faults;
mod server;
mod thousand;
mod typed;
