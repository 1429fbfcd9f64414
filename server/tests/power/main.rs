//! Power from a wish to a reading, with BMCs that do as they are told, or not.

mod fetch;
mod lead;
mod machine;
#[path = "../metald/mod.rs"]
mod metald;
mod operator;
mod page;
mod rack;
mod sleeper;
mod storm;
