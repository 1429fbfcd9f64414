//! What looks random, from a seed: the core stays a function, and a test sees the same packets each time.

use super::suite::Suite;

#[derive(Debug)]
pub struct Dice {
    seed: [u8; 32],
    thrown: u64,
}

impl Dice {
    pub fn new(seed: [u8; 32]) -> Dice {
        Dice { seed, thrown: 0 }
    }

    pub fn sixteen(&mut self) -> [u8; 16] {
        self.thrown += 1;
        let thrown = Suite::Seventeen.hmac(&self.seed, &[&self.thrown.to_le_bytes()]);
        *thrown.first_chunk().expect("HMAC-SHA256 has 32 bytes")
    }

    /// Of a session: 0 stands for none.
    pub fn number(&mut self) -> u32 {
        let [a, b, c, d, ..] = self.sixteen();
        u32::from_le_bytes([a, b, c, d]).max(1)
    }
}
