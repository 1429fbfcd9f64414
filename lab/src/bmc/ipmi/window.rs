//! Which packets of a session are new (IPMI 2.0 rev. 1.1, 6.12.13): each counts once, and one that is late or early
//! by more than the window does not count at all.

const AHEAD: u32 = 15;
const BEHIND: u32 = 16;

#[derive(Debug)]
pub struct Window {
    highest: u32,
    /// Bit n is the packet `highest - n`. None comes before the first.
    seen: u32,
}

impl Default for Window {
    fn default() -> Window {
        Window { highest: 0, seen: u32::MAX }
    }
}

impl Window {
    pub fn admit(&mut self, sequence: u32) -> bool {
        // 0 is for packets outside of sessions.
        if sequence == 0 {
            return false;
        }
        let ahead = sequence.wrapping_sub(self.highest);
        if (1..=AHEAD).contains(&ahead) {
            (self.highest, self.seen) = (sequence, self.seen << ahead | 1);
            return true;
        }
        let behind = self.highest.wrapping_sub(sequence);
        let new = behind <= BEHIND && self.seen & 1 << behind == 0;
        if new {
            self.seen |= 1 << behind;
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_counts_once_and_in_its_time() {
        let mut window = Window::default();
        let admitted = [1, 1, 3, 2, 2, 0, 18, 2, 34, 33, 18, 16, 19].map(|n| window.admit(n));
        let expected = [true, false, true, true, false, false, true, false, false, true, false, false, true];
        assert_eq!(admitted, expected);
        assert!(!Window::default().admit(u32::MAX));
    }
}
