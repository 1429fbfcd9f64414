//! The dashboard's pages: values in, HTML out. No clock, no IO, no session: whoever calls brings them.
//! A page is a file here and a template of the same name; `assets` holds what the pages link to.

mod assets;
mod cluster;
mod confirm;
mod error;
mod frame;
mod hardware;
mod login;
mod logs;
mod machine;
mod node;
mod power;
mod rack;
mod status;
mod tone;
mod trace;
mod verb;
mod words;

pub use askama::Error;

pub use assets::{Asset, asset};
pub use cluster::{cluster_chip, cluster_fragments, cluster_page};
pub use confirm::confirm_page;
pub use error::error_page;
pub use frame::Visitor;
pub use login::login_page;
pub use machine::{MachineView, machine_fragments, machine_page};
pub use rack::{Paging, rack_page, rack_row};
pub use verb::Verb;
