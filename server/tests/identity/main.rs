//! Who a machine is and what of it may be erased, asked of a whole server over its agents' interface.

mod bench;
mod destruction;
mod pulse;
#[path = "../sample/mod.rs"]
mod sample;
mod shown;
mod who;
