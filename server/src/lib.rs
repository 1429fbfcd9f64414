//! `metald`: DHCP, TFTP, HTTP boot, the agents' and the operators' interfaces, the dashboard, the lifecycle
//! and the store. Shells are thin; decisions are plain functions over values.

pub mod app;
pub mod boot;
pub mod ca;
pub mod clock;
pub mod config;
pub mod freeze;
pub mod http;
pub mod images;
pub mod lifecycle;
pub mod store;
pub mod view;
pub mod why;
