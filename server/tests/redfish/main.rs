//! The Redfish driver against vendors' trees, against a BMC that misbehaves, and against a server that is not ours.

mod bench;
mod cost;
mod faults;
mod mutations;
mod sushy;
mod tls;
mod trees;
mod verbs;
