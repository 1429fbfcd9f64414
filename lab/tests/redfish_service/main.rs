//! The rack's Redfish service on a socket: its faults, and what clients of others' making do with it.

mod memory;
mod python;
mod redfishtool;
mod socket;
mod validator;
