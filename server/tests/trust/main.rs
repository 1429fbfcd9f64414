//! Trust over HTTP: roles and the audit log, browsers' sessions, strangers on every route in every state, and one
//! machine's agent against another machine's data.

mod agents;
mod audit;
mod bench;
mod browsers;
mod keys;
#[path = "../metald/mod.rs"]
mod metald;
mod roles;
mod routes;
mod sealed;
mod sessions;
mod strangers;
mod tokens;
mod wishes;
