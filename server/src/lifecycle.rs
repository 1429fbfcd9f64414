//! The life of a machine: `next` and `want` decide, `patience` says how long, `offer` what an agent is told,
//! `drive` makes it so,
//! `picture` and `floor` draw all that for people.

pub mod drive;
pub mod floor;
pub mod next;
pub mod offer;
pub mod patience;
pub mod picture;
pub mod want;
