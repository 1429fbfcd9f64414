//! What a machine boots next (IPMI 2.0, 28.12 to 28.14): boot flags that hold once, outlive a slow caller, and are
//! read back. Pure.

use api::bmc::{BootOnce, Fault, FirmwareMode};

use super::dialogue::{Dialogue, Step, done};
use super::failure::refusal;
use super::message::{Function, Request, Response, request};

const SET: u8 = 0x08;
const GET: u8 = 0x09;
/// Parameters of table 28-14.
const SET_IN_PROGRESS: u8 = 0;
const VALID_BIT_CLEARING: u8 = 3;
const ACKNOWLEDGE: u8 = 4;
const FLAGS: u8 = 5;
/// Else the BMC forgets the flags when no chassis control follows within 60 s: ours waits in a queue.
const NOT_AFTER_60_S: u8 = 0x08;
const VALID: u8 = 0x80;
const PERSISTENT: u8 = 0x40;
const EFI: u8 = 0x20;
/// Of the second byte; 0 there is no override.
const DEVICE: u8 = 0x3c;
const NOT_KNOWN: u8 = 0x80;

pub fn get_flags() -> Request {
    request(Function::Chassis, GET, &[FLAGS, 0, 0])
}

/// Whether the answer names a device that firmware would obey.
pub fn is_set(data: &[u8]) -> bool {
    matches!(data, [_, parameter, first, second, ..]
        if parameter & 0x80 == 0 && first & VALID != 0 && second & DEVICE != 0)
}

/// None: whatever override there is, is taken back.
pub struct Boot {
    wanted: Option<(BootOnce, FirmwareMode)>,
    at: usize,
    /// Of the flags: told once the BMC knows that nothing is being set any more.
    refused: Option<Fault>,
}

/// Where in the sequence the BMC is told so.
const RELEASE: usize = 4;

impl Boot {
    pub fn new(wanted: Option<(BootOnce, FirmwareMode)>) -> Boot {
        Boot { wanted, at: 0, refused: None }
    }

    /// The first two bytes of parameter 5; the other three stay 0.
    fn flags(&self) -> [u8; 2] {
        let Some((target, mode)) = self.wanted else { return [VALID, 0] };
        let efi = if mode == FirmwareMode::Uefi { EFI } else { 0 };
        let device = match target {
            BootOnce::Network => 0b0001,
            BootOnce::Disk => 0b0010,
        };
        [VALID | efi, device << 2]
    }

    /// What has to be sent, whether the BMC must take it, and its name.
    fn sequence(&self) -> [(Request, bool, &'static str); 6] {
        let [first, second] = self.flags();
        let set =
            |parameter: u8, data: &[u8]| request(Function::Chassis, SET, &[&[parameter], data].concat());
        const NAME: &str = "Set System Boot Options";
        [
            (set(SET_IN_PROGRESS, &[1]), false, NAME),
            (set(VALID_BIT_CLEARING, &[NOT_AFTER_60_S]), false, NAME),
            // That no firmware has handled them yet, as the bit of the BIOS says.
            (set(ACKNOWLEDGE, &[1, 1]), false, NAME),
            (set(FLAGS, &[first, second, 0, 0, 0]), true, NAME),
            (set(SET_IN_PROGRESS, &[0]), false, NAME),
            (get_flags(), false, "Get System Boot Options"),
        ]
    }

    fn read_back(&self, data: &[u8]) -> Result<(), Fault> {
        // Parameter version, parameter number with "invalid" on top, then the five bytes.
        let [_, parameter, first, second, ..] = data else {
            return Err(super::failure::short("Get System Boot Options"));
        };
        let [wanted_first, wanted_second] = self.flags();
        let valid = first & VALID != 0 && parameter & 0x80 == 0;
        let device = second & DEVICE;
        let what = match self.wanted {
            // A BMC may say "nothing" by the valid bit or by the device.
            None if !valid || device == 0 => return Ok(()),
            None => "the boot override is still there",
            Some(_) if !valid => "the boot flags are not valid after they were set",
            Some(_) if device != wanted_second => "the boot device is another one than was set",
            Some(_) if first & PERSISTENT != 0 => {
                "the boot override holds for every start, and was set for one"
            }
            Some(_) => {
                if first & EFI != wanted_first & EFI {
                    // Seen on boards that boot the wanted way nevertheless: the machine on the wire decides.
                    tracing::debug!("the BMC does not keep the UEFI bit of its boot flags");
                }
                return Ok(());
            }
        };
        Err(Fault::NotObeyed(format!("{what}: it reads {first:02x} {second:02x}")))
    }
}

impl Dialogue for Boot {
    type Outcome = ();

    fn step(&mut self, last: Option<Response>) -> Result<Step<()>, Fault> {
        let sequence = self.sequence();
        if let Some(response) = last {
            let (_, must, name) = &sequence[self.at];
            if let Some(refused) = self.refused.take() {
                return Err(refused);
            }
            if *must && response.completion != 0 {
                // Left "in progress" (table 28-14, parameter 0), some BMCs take no flags of anybody until they restart.
                self.refused = Some(refusal(name, response.completion));
                self.at = RELEASE;
                let (request, _, name) = &sequence[RELEASE];
                return Ok(Step::Ask(request.clone(), name));
            }
            if self.at + 1 == sequence.len() {
                return match response.completion {
                    // What cannot be read back is believed.
                    NOT_KNOWN | 0xc1 => Ok(Step::Done(())),
                    _ => self.read_back(done(name, &response, 4)?).map(Step::Done),
                };
            }
            self.at += 1;
        }
        let [.., (request, _, name)] = &sequence[..=self.at] else { unreachable!("at least one") };
        Ok(Step::Ask(request.clone(), name))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::dialogue::script::run;
    use super::*;

    /// A BMC that keeps parameters, and knows those that are named.
    fn keeper(known: &'static [u8], bend: fn(&mut Vec<u8>)) -> impl FnMut(&Request) -> (u8, Vec<u8>) {
        let mut kept: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
        move |request| {
            let parameter = request.data[0];
            match request.command {
                _ if !known.contains(&parameter) => (NOT_KNOWN, vec![]),
                SET => {
                    kept.insert(parameter, request.data[1..].to_vec());
                    (0, vec![])
                }
                _ => {
                    let mut data = [vec![1, parameter], kept[&parameter].clone()].concat();
                    bend(&mut data);
                    (0, data)
                }
            }
        }
    }

    #[test]
    fn the_flags_are_those_of_ipmitool() {
        let wanted = Some((BootOnce::Network, FirmwareMode::Uefi));
        let (outcome, asked) = run(Boot::new(wanted), keeper(&[0, 3, 4, 5], |_| {}));
        assert_eq!(outcome, Ok(()));
        let data: Vec<String> = asked.iter().map(|request| hex::encode(&request.data)).collect();
        assert_eq!(data, ["0001", "0308", "040101", "05a004000000", "0000", "050000"]);
        let flags = |wanted| hex::encode(Boot::new(wanted).flags());
        assert_eq!(flags(Some((BootOnce::Disk, FirmwareMode::Bios))), "8008");
        assert_eq!(flags(Some((BootOnce::Disk, FirmwareMode::Uefi))), "a008");
        assert_eq!(flags(None), "8000");
    }

    #[test]
    fn a_bmc_needs_to_know_the_flags_only() {
        let wanted = Some((BootOnce::Disk, FirmwareMode::Bios));
        assert_eq!(run(Boot::new(wanted), keeper(&[5], |_| {})).0, Ok(()));
        let (outcome, asked) = run(Boot::new(wanted), keeper(&[0, 3, 4], |_| {}));
        assert!(matches!(outcome, Err(Fault::NotObeyed(_))), "{outcome:?}");
        let data: Vec<String> = asked.iter().skip(3).map(|request| hex::encode(&request.data)).collect();
        assert_eq!(data, ["058008000000", "0000"], "nothing but the end of it after the refusal");
    }

    #[test]
    fn what_is_read_back_has_to_be_what_was_set() {
        let boot = |bend: fn(&mut Vec<u8>)| {
            let wanted = Some((BootOnce::Network, FirmwareMode::Uefi));
            run(Boot::new(wanted), keeper(&[0, 3, 4, 5], bend)).0
        };
        let bends: [fn(&mut Vec<u8>); 4] =
            [|d| d[2] &= !VALID, |d| d[1] |= 0x80, |d| d[3] = 0x08, |d| d[2] |= PERSISTENT];
        for bend in bends {
            assert!(matches!(boot(bend), Err(Fault::NotObeyed(_))), "{:?}", boot(bend));
        }
        assert_eq!(boot(|d| d[2] &= !EFI), Ok(()), "some keep no UEFI bit and boot all the same");
        assert!(matches!(boot(|d| d.truncate(3)), Err(Fault::Garbled(_))));
    }

    #[test]
    fn an_override_is_gone_by_either_sign() {
        let clear = |bend| run(Boot::new(None), keeper(&[0, 3, 4, 5], bend)).0;
        assert_eq!(clear(|_| {}), Ok(()));
        assert_eq!(clear(|d| (d[2], d[3]) = (0, 4)), Ok(()));
        assert!(matches!(clear(|d| d[3] = 4), Err(Fault::NotObeyed(_))));
    }
}
