//! A session that is open: its keys, its numbers, and what it has heard already. Pure.

use super::dice::Dice;
use super::keys::Keys;
use super::packet::{Kind, Malformed, Plus};
use super::suite::Suite;
use super::window::Window;

pub struct Live {
    pub suite: Suite,
    keys: Keys,
    console: u32,
    pub bmc: u32,
    /// Of the last packet that we sent.
    sequence: u32,
    /// Of the last request, 0 to 63.
    pub message: u8,
    window: Window,
    pub stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Raising,
    Ready,
    Closing,
}

impl Live {
    pub fn new(suite: Suite, keys: Keys, console: u32, bmc: u32) -> Live {
        let (window, stage) = (Window::default(), Stage::Raising);
        Live { suite, keys, console, bmc, sequence: 0, message: 0, window, stage }
    }

    pub fn seal(&mut self, kind: Kind, payload: &[u8], dice: &mut Dice) -> Vec<u8> {
        // 0 is for packets outside of sessions.
        self.sequence = self.sequence.checked_add(1).unwrap_or(1);
        self.keys.seal(kind, self.bmc, self.sequence, payload, dice.sixteen())
    }

    pub fn open(&mut self, plus: &Plus) -> Result<Vec<u8>, Malformed> {
        if plus.session != self.console {
            return Err(Malformed::Integrity);
        }
        let payload = self.keys.open(plus)?;
        if self.window.admit(plus.sequence) { Ok(payload) } else { Err(Malformed::Integrity) }
    }
}
