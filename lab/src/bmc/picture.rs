//! A board at one moment: what every protocol of a BMC answers from, so that an answer is a plain function of it.

use super::board::{Board, Boot, Entry, Identity, Light, Power, Sensor};

#[derive(Debug, Clone)]
pub struct Picture {
    pub identity: Identity,
    /// None where it could not be read.
    pub power: Option<Power>,
    pub boot: Boot,
    pub light: Light,
    pub sensors: Vec<Sensor>,
    /// Oldest first.
    pub log: Vec<Entry>,
}

impl Picture {
    pub fn of(board: &dyn Board) -> Picture {
        Picture {
            identity: board.identity(),
            power: board.power().ok(),
            boot: board.boot(),
            light: board.light(),
            sensors: board.sensors(),
            log: board.log(),
        }
    }
}
