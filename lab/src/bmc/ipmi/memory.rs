//! What the BMC itself keeps in mind between requests.

use std::time::Duration;

use super::boot::Options;
use super::settings::Oddity;
use super::view::Order;
use crate::bmc::board::{Light, Power};

#[derive(Debug, Default)]
pub struct Memory {
    pub oddities: Vec<Oddity>,
    pub boot: Options,
    /// When the identify light goes out by itself.
    pub identify_until: Option<Duration>,
    /// What a liar says that power is.
    pub claimed: Option<Power>,
    /// Power commands so far.
    pub controls: u32,
    /// Sessions that asked for a privilege so far.
    pub raises: u32,
    /// Of sensors, as they were when somebody last looked, and when that was.
    pub records: Vec<Vec<u8>>,
    pub records_changed: u32,
    pub record_reservation: u16,
    pub log_reservation: u16,
    pub log_cleared: u32,
    /// By how much its clock was set off, in seconds.
    pub clock_offset: i64,
    /// What the machine does when power comes back (28.8): 0 stays off, 1 as it was, 2 goes on.
    pub restore_policy: u8,
}

impl Memory {
    pub fn new(oddities: Vec<Oddity>) -> Memory {
        Memory { oddities, ..Memory::default() }
    }

    pub fn has(&self, oddity: Oddity) -> bool {
        self.oddities.contains(&oddity)
    }

    /// What survives a restart of the BMC is what it keeps in flash.
    pub fn restart(&mut self) {
        *self = Memory {
            oddities: std::mem::take(&mut self.oddities),
            boot: std::mem::take(&mut self.boot),
            controls: self.controls,
            raises: self.raises,
            clock_offset: self.clock_offset,
            restore_policy: self.restore_policy,
            identify_until: self.identify_until,
            ..Memory::default()
        };
    }

    pub fn tick(&mut self, now: Duration) -> Vec<Order> {
        let light = self.identify_until.take_if(|until| *until <= now);
        let boot = self.boot.tick(now);
        light.map(|_| Order::SetLight(Light::Off)).into_iter().chain(boot).collect()
    }

    pub fn due(&self) -> Option<Duration> {
        [self.identify_until, self.boot.due()].into_iter().flatten().min()
    }
}
