//! TFTP, read-only (RFC 1350, 2347–2349, 7440), for the one file that firmware cannot fetch otherwise:
//! its loader. `packet` and `transfer` are pure; `serve` hears requests, `run` carries one transfer.

pub mod packet;
mod registry;
mod run;
pub mod serve;
pub mod transfer;

#[cfg(test)]
mod simulation;
