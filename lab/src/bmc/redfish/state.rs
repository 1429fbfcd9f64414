//! What a BMC remembers by itself, and what it sees of its board and its surroundings at one request. Pure.

use super::super::board::{Action, Boot, Light, Power};
use super::super::picture::Picture;
use super::session::Sessions;
use super::task::Tasks;

#[derive(Debug)]
pub struct State {
    pub sessions: Sessions,
    pub tasks: Tasks,
    /// What lies in the virtual drive.
    pub media: Option<Media>,
    /// Of the BMC's firmware.
    pub version: String,
    pub told: Told,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    pub image: String,
    pub write_protected: bool,
}

/// What a BMC that lies says instead of what is.
#[derive(Debug, Default)]
pub struct Told {
    pub power: Option<Power>,
    pub boot: Option<Boot>,
}

/// The board and the world, as they are at one request.
#[derive(Debug, Clone)]
pub struct View {
    pub board: Picture,
    /// Seconds since 1970.
    pub now: u64,
    /// Random, for a token.
    pub dice: [u8; 24],
    pub lying: bool,
    pub forgetful: bool,
    pub no_sessions: bool,
}

/// What is done to the board because of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Act(Action),
    Boot(Boot),
    Light(Light),
    ClearLog,
}

impl Default for State {
    fn default() -> State {
        State {
            sessions: Sessions::default(),
            tasks: Tasks::default(),
            media: None,
            version: "1.0.0".into(),
            told: Told::default(),
        }
    }
}

impl State {
    /// A BMC that restarts keeps its settings and forgets who was logged in.
    pub fn restart(&mut self) {
        self.sessions.clear();
    }
}
