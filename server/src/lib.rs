//! metald

pub mod config;
