//! The domain model shared by server, agent, CLI, pages and lab: the nouns, the wire types and, behind
//! the feature `client`, the HTTP client. No IO but the client's.

pub mod agent;
pub mod bmc;
#[cfg(feature = "client")]
pub mod client;
pub mod cluster;
pub mod console;
pub mod event;
pub mod facts;
pub mod id;
pub mod image;
pub mod import;
pub mod label;
pub mod layout;
pub mod lease;
pub mod machine;
pub mod mask;
pub mod order;
pub mod plan;
pub mod power;
pub mod routes;
pub mod rung;
pub mod site;
pub mod state;
pub mod task;
pub mod tombstone;
pub mod trace;
pub mod user;
pub mod wait;
pub mod who;
pub mod wipe;
pub mod words;
