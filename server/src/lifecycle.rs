//! The life of a machine: `next` and `want` decide, `patience` says how long, `offer` what an agent is told,
//! `drive` makes it so.

pub mod drive;
pub mod next;
pub mod offer;
pub mod patience;
pub mod want;
