//! How long machines of a model take from power to their first packet. Learned from what was seen, as TCP learns its
//! round trips (RFC 6298): a smoothed mean and deviation, and patience for what is far from usual. Pure.

use std::time::Duration;

/// What was learned of one model, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usual {
    pub samples: i64,
    pub mean: i64,
    pub deviation: i64,
}

/// Before a model is known: servers with much memory train it for minutes.
const DEFAULT: Duration = Duration::from_secs(600);
const SHORTEST: Duration = Duration::from_secs(120);
const LONGEST: Duration = Duration::from_secs(1800);
/// Fewer say too little.
const ENOUGH: i64 = 3;

impl Usual {
    /// With one more.
    pub fn with(self, took: Duration) -> Usual {
        let took = i64::try_from(took.as_micros()).unwrap_or(i64::MAX / 8).min(i64::MAX / 8);
        if self.samples == 0 {
            return Usual { samples: 1, mean: took, deviation: took / 2 };
        }
        let deviation = self.deviation - self.deviation / 4 + (self.mean - took).abs() / 4;
        Usual { samples: self.samples + 1, mean: self.mean - self.mean / 8 + took / 8, deviation }
    }

    /// How long a machine of this model is waited for after power-on.
    pub fn patience(self) -> Duration {
        if self.samples < ENOUGH {
            return DEFAULT;
        }
        let patience = self.mean.saturating_add(self.deviation.saturating_mul(4));
        Duration::from_micros(u64::try_from(patience).unwrap_or(0)).clamp(SHORTEST, LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(seconds: &[u64]) -> Usual {
        seconds.iter().fold(Usual::default(), |usual, s| usual.with(Duration::from_secs(*s)))
    }

    #[test]
    fn a_model_is_known_after_three_boots() {
        assert_eq!(Usual::default().patience(), DEFAULT);
        assert_eq!(learned(&[200, 200]).patience(), DEFAULT);
        let known = learned(&[200, 200, 200]).patience().as_secs();
        assert!((200..600).contains(&known), "{known}");
    }

    #[test]
    fn steady_machines_are_waited_for_little_beyond_their_mean() {
        let patience = learned(&[240; 40]).patience().as_secs();
        assert!((240..260).contains(&patience), "{patience}");
        let unsteady: Vec<u64> = (0..40).map(|i| if i % 2 == 0 { 180 } else { 300 }).collect();
        let patience = learned(&unsteady).patience().as_secs();
        assert!((400..600).contains(&patience), "{patience}");
    }

    #[test]
    fn patience_has_a_floor_and_a_ceiling() {
        assert_eq!(learned(&[1; 20]).patience(), SHORTEST);
        assert_eq!(learned(&[100_000; 20]).patience(), LONGEST);
        assert_eq!(
            Usual::default().with(Duration::MAX).with(Duration::MAX).with(Duration::MAX).patience(),
            LONGEST
        );
    }
}
