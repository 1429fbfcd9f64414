//! Wrong tries by address: after a burst of them an address is refused, and regains one try at a time. The right key
//! is never counted.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

pub struct Tries {
    /// Wrong ones in a row that nobody minds.
    burst: i64,
    /// Microseconds until one more is forgiven.
    forgiven: i64,
    /// When all tries of an address are forgiven.
    clean: HashMap<IpAddr, i64>,
}

/// Addresses remembered at once; a flood must not fill the memory.
const MOST: usize = 10_000;

impl Tries {
    pub fn new(burst: i64, forgiven: i64) -> Tries {
        Tries { burst, forgiven, clean: HashMap::new() }
    }

    /// How many microseconds this address has to wait; None when it may try.
    pub fn wait(&self, address: IpAddr, now: i64) -> Option<i64> {
        let clean = *self.clean.get(&address)?;
        let wait = clean - now - (self.burst - 1) * self.forgiven;
        (wait > 0).then_some(wait)
    }

    pub fn wrong(&mut self, address: IpAddr, now: i64) {
        if self.clean.len() >= MOST {
            self.clean.retain(|_, clean| *clean > now);
        }
        if self.clean.len() >= MOST {
            self.clean.clear();
        }
        let clean = self.clean.entry(address).or_insert(now);
        *clean = (*clean).max(now) + self.forgiven;
    }
}

/// Right keys by the address that they came from. Whoever was let in is not made to wait for what others guess behind
/// the same address; who shows a right key there for the first time waits, for it may be the guess that hit.
#[derive(Default)]
pub struct Proven {
    /// (address, hash of the key)
    pairs: HashSet<(IpAddr, String)>,
}

impl Proven {
    pub fn has(&self, address: IpAddr, hash: &str) -> bool {
        self.pairs.contains(&(address, hash.to_string()))
    }

    pub fn add(&mut self, address: IpAddr, hash: String) {
        if self.pairs.len() >= MOST {
            self.pairs.clear();
        }
        self.pairs.insert((address, hash));
    }

    /// It is right no longer.
    pub fn remove(&mut self, address: IpAddr, hash: &str) {
        self.pairs.remove(&(address, hash.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn a_burst_is_free_and_then_one_at_a_time() {
        let mut tries = Tries::new(3, 10);
        for _ in 0..3 {
            assert_eq!(tries.wait(address(1), 0), None);
            tries.wrong(address(1), 0);
        }
        assert_eq!(tries.wait(address(1), 0), Some(10));
        assert_eq!(tries.wait(address(1), 9), Some(1));
        assert_eq!(tries.wait(address(2), 9), None, "another address is nobody's fault");
        assert_eq!(tries.wait(address(1), 10), None);
        tries.wrong(address(1), 10);
        assert_eq!(tries.wait(address(1), 10), Some(10));
        assert_eq!(tries.wait(address(1), 40), None);
        tries.wrong(address(1), 1000);
        tries.wrong(address(1), 1000);
        assert_eq!(tries.wait(address(1), 1000), None, "what is long ago is forgiven");
    }

    #[test]
    fn a_right_key_is_right_where_it_was_shown() {
        let mut proven = Proven::default();
        proven.add(address(1), "a".into());
        assert!(proven.has(address(1), "a"));
        assert!(!proven.has(address(2), "a") && !proven.has(address(1), "b"));
        proven.remove(address(1), "a");
        assert!(!proven.has(address(1), "a"), "it was revoked");
        for number in 0..(MOST as u32 * 2) {
            proven.add(IpAddr::from(number.to_be_bytes()), "a".into());
            assert!(proven.pairs.len() <= MOST);
        }
    }

    #[test]
    fn a_flood_of_addresses_is_forgotten() {
        let mut tries = Tries::new(1, 1_000_000);
        for number in 0..(MOST as u32 * 2) {
            tries.wrong(IpAddr::from(number.to_be_bytes()), 0);
            assert!(tries.clean.len() <= MOST);
        }
    }
}
