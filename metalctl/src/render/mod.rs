//! Values in, text out: every screen of this program as a pure function that is given the time.

pub mod ansible;
pub mod catalogue;
pub mod cluster;
pub mod erasure;
pub mod events;
pub mod hardware;
pub mod leases;
pub mod list;
pub mod logs;
pub mod paint;
pub mod parts;
pub mod power;
pub mod show;
pub mod table;
pub mod tombstone;
pub mod trace;
pub mod user;
pub mod why;
pub mod wipe;
pub mod words;
