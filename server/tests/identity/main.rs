//! Who a machine is, what of it may be erased and how it gets back to RAM, asked of a whole server over its agents'
//! interface.

mod back;
mod bench;
mod destruction;
#[path = "../metald/mod.rs"]
mod metald;
mod pulse;
#[path = "../sample/mod.rs"]
mod sample;
mod shown;
mod who;
