//! What a session draws: numbers that nobody foresees, all from one seed, so that a test can foresee them. Pure.

use ring::hmac;

pub struct Dice {
    key: hmac::Key,
    drawn: u64,
}

impl Dice {
    pub fn new(seed: [u8; 32]) -> Dice {
        Dice { key: hmac::Key::new(hmac::HMAC_SHA256, &seed), drawn: 0 }
    }

    /// For the random numbers of RAKP and for the initialisation vectors of AES-CBC.
    pub fn sixteen(&mut self) -> [u8; 16] {
        self.drawn += 1;
        let drawn = hmac::sign(&self.key, &self.drawn.to_le_bytes());
        let mut out = [0; 16];
        out.copy_from_slice(&drawn.as_ref()[..16]);
        out
    }

    pub fn tag(&mut self) -> u8 {
        self.sixteen()[0]
    }

    /// A session's number is never 0 (13.17).
    pub fn session(&mut self) -> u32 {
        let [a, b, c, d, ..] = self.sixteen();
        u32::from_le_bytes([a, b, c, d]).max(1)
    }
}
