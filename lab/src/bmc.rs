//! The baseboard management controllers of the rack: what a management network reaches on real servers, so that lab
//! machines are powered exactly as metal is.

pub mod board;
pub mod fault;
