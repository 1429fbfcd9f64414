//! How long to wait between attempts, and when a machine in RAM gives up on the server. Pure.

use std::time::Duration;

/// Before the next attempt after `failures` in a row: 1 s and 1 s, 2 s and 2 s, 4 s … 30 s. `chance`, 0 to 255, spreads a rack
/// that lost its server at one moment over a quarter more.
pub fn pause(failures: u32, chance: u8) -> Duration {
    let seconds = 1u64 << (failures.saturating_sub(1) / 2).min(5);
    let base = Duration::from_secs(seconds.min(30));
    base + base * u32::from(chance) / 1024
}

/// Only a machine in RAM reboots to find its server again: one that runs from its disk serves on.
pub fn is_over(in_ram: bool, silent: Duration, patience: Duration) -> bool {
    in_ram && silent >= patience
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_half_a_minute() {
        let seconds: Vec<u64> = (1..=12).map(|n| pause(n, 0).as_secs()).collect();
        assert_eq!(seconds, [1, 1, 2, 2, 4, 4, 8, 8, 16, 16, 30, 30]);
        assert!(pause(u32::MAX, 255) < Duration::from_secs(38));
    }

    #[test]
    fn an_installed_system_never_reboots_for_a_lost_server() {
        let day = Duration::from_secs(86_400);
        assert!(is_over(true, day, Duration::from_secs(600)));
        assert!(!is_over(true, Duration::from_secs(599), Duration::from_secs(600)));
        assert!(!is_over(false, day, Duration::from_secs(600)));
    }
}
