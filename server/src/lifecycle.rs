//! The life of a machine: `next`, `after` and `want` decide, `patience` says how long, `offer` what an agent is told,
//! `ladder` and `boots` how it gets back to RAM, `circle` when it boots in vain, `drive` makes it so,
//! `picture` and `floor` draw all that for people.

pub mod after;
pub mod boots;
pub mod circle;
pub mod drive;
pub mod floor;
pub mod ladder;
pub mod next;
pub mod offer;
pub mod patience;
pub mod picture;
pub mod started;
pub mod want;
