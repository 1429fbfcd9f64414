//! `metald`: DHCP, TFTP, HTTP boot, the agents' and the operators' interfaces, the dashboard, the lifecycle
//! and the store. Shells are thin; decisions are plain functions over values.

pub mod app;
mod apply;
pub mod backup;
pub mod bmc;
pub mod boot;
pub mod ca;
pub mod check;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod dhcp;
pub mod freeze;
pub mod fuzz;
pub mod host;
pub mod http;
pub mod images;
pub mod import;
pub mod init;
pub mod lifecycle;
pub mod listing;
pub mod live;
pub mod ports;
pub mod pulse;
pub mod router_advert;
pub mod run;
#[cfg(test)]
#[path = "../tests/sample/mod.rs"]
mod sample;
pub mod seal;
pub mod store;
pub mod tftp;
mod trace;
pub mod view;
pub mod webhook;
pub mod who;
pub mod why;
pub mod wipe;
