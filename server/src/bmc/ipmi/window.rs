//! Which sequence numbers of a session were heard already (IPMI 2.0, 6.12.13): a packet counts once, and a late
//! one counts while it is not too late. Pure.

/// Numbers behind the highest one that may still arrive.
const BEHIND: u32 = 32;

#[derive(Debug, Default)]
pub struct Window {
    highest: u32,
    /// Bit n: `highest - n` was heard.
    heard: u64,
}

impl Window {
    /// True for a number that is new. It is asked only after the packet has proved who made it, so a leap forward
    /// is a loss, and no forgery.
    pub fn admit(&mut self, sequence: u32) -> bool {
        if sequence == 0 {
            return false;
        }
        if sequence > self.highest {
            let leap = sequence - self.highest;
            self.heard = self.heard.checked_shl(leap).unwrap_or(0) | 1;
            self.highest = sequence;
            return true;
        }
        let behind = self.highest - sequence;
        let bit = 1u64.checked_shl(behind).unwrap_or(0);
        let new = behind < BEHIND && self.heard & bit == 0;
        self.heard |= if new { bit } else { 0 };
        new
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_number_counts_once() {
        let mut window = Window::default();
        let heard: Vec<bool> = [0, 1, 1, 3, 2, 3, 2, 100, 69, 68, 100, 101].map(|n| window.admit(n)).into();
        let expected = [false, true, false, true, true, false, false, true, true, false, false, true];
        assert_eq!(heard, expected);
        assert!(window.admit(u32::MAX) && !window.admit(101));
    }

    proptest! {
        #[test]
        fn in_any_order_none_counts_twice(numbers in proptest::collection::vec(0u32..200, 0..300)) {
            let mut window = Window::default();
            let mut counted = std::collections::BTreeSet::new();
            for number in numbers {
                if window.admit(number) {
                    prop_assert!(counted.insert(number), "{number} counted twice");
                }
            }
        }
    }
}
