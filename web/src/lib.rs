//! The dashboard's pages: values in, HTML out. No clock, no IO, no session: whoever calls brings them.
//! A page is a file here and a template of the same name; `assets` holds what the pages link to.

mod answers;
mod assets;
mod audit;
mod catalogue;
mod cluster;
mod doubt;
mod error;
mod events;
mod filter;
mod frame;
mod hardware;
mod leases;
mod login;
mod logs;
mod machine;
mod node;
mod power;
mod question;
mod rack;
mod status;
mod tombstones;
mod tone;
mod trace;
mod verb;
mod words;

pub use askama::Error;

pub use answers::{Answers, apart};
pub use assets::{Asset, asset};
pub use audit::audit_page;
pub use catalogue::{ShelfImage, image_checks_page, images_page, profile_page, profiles_page};
pub use cluster::{cluster_chip, cluster_fragments, cluster_page};
pub use error::error_page;
pub use events::{EventsAsked, events_page};
pub use filter::Filter;
pub use frame::Visitor;
pub use leases::{ReservationForm, leases_page};
pub use login::login_page;
pub use machine::{MachineView, machine_fragments, machine_page};
pub use question::{Outcome, Question, Subject, outcome_page, question_page};
pub use rack::{Choices, Counts, RackView, rack_counts, rack_page, rack_row};
pub use tombstones::tombstones_page;
pub use tone::{Standing, Tone};
pub use verb::{Offer, Verb};
