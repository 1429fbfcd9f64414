//! What the machine boots next (IPMI 2.0 rev. 1.1, 28.12 to 28.14). The board has the override; here are the bits
//! around it, and the rule by which flags that nobody uses are forgotten.

use std::time::Duration;

use super::commands::{Call, Outcome, Reply};
use super::message::Code;
use super::settings::Oddity;
use super::view::Order;
use crate::bmc::board::{Boot, Mode, Persistence, Target};

/// Parameters (table 28-14).
const SET_IN_PROGRESS: u8 = 0;
const VALID_BIT_CLEARING: u8 = 3;
const ACKNOWLEDGE: u8 = 4;
const FLAGS: u8 = 5;
/// Command-specific completion codes of 28.12 and 28.13.
const NO_SUCH_PARAMETER: Code = Code(0x80);
const SET_BY_OTHER: Code = Code(0x81);
const READ_ONLY: Code = Code(0x82);
const VALID: u8 = 0x80;
const PERSISTENT: u8 = 0x40;
const EFI: u8 = 0x20;
const DEVICE: u8 = 0x3c;
const KEEP_AFTER_60_S: u8 = 0x08;
/// Flags without a Chassis Control command are valid for so long.
const FORGET: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct Options {
    in_progress: bool,
    clearing: u8,
    acknowledged: [u8; 2],
    /// As they were last set. They are shown as long as the board's override is what they say.
    flags: Option<[u8; 5]>,
    forget_at: Option<Duration>,
}

impl Options {
    pub fn tick(&mut self, now: Duration) -> Option<Order> {
        self.forget_at.take_if(|at| *at <= now)?;
        self.flags = None;
        Some(Order::SetBoot(Boot::NONE))
    }

    pub fn due(&self) -> Option<Duration> {
        self.forget_at
    }

    /// The flags were meant for this.
    pub fn controlled(&mut self) {
        self.forget_at = None;
    }

    fn shown(&self, board: Boot, believed: bool) -> [u8; 5] {
        match self.flags {
            Some(flags) if believed || meaning(flags) == Some(board) => flags,
            _ => encode(board),
        }
    }
}

pub fn set(call: &mut Call) -> Outcome {
    let [parameter, data @ ..] = call.data else { return Err(Code::WRONG_LENGTH) };
    let options = &mut call.controller.memory.boot;
    // A parameter without data changes only whether it is valid, and ours always are (28.12).
    match (parameter & 0x7f, data) {
        (_, []) => Ok(Reply::empty()),
        (SET_IN_PROGRESS, [state]) => match state & 3 {
            1 if options.in_progress => Err(SET_BY_OTHER),
            state => {
                options.in_progress = state == 1;
                Ok(Reply::empty())
            }
        },
        (VALID_BIT_CLEARING, [bits]) => {
            options.clearing = bits & 0x1f;
            if options.clearing & KEEP_AFTER_60_S != 0 {
                options.forget_at = None;
            }
            Ok(Reply::empty())
        }
        (ACKNOWLEDGE, &[mask, bits]) => {
            options.acknowledged[1] = options.acknowledged[1] & !mask | bits & mask;
            Ok(Reply::empty())
        }
        (FLAGS, data) => set_flags(call, data),
        (SET_IN_PROGRESS | VALID_BIT_CLEARING | ACKNOWLEDGE, _) => Err(Code::WRONG_LENGTH),
        (1 | 2 | 6 | 7, _) => Err(NO_SUCH_PARAMETER),
        (8.., _) => Err(READ_ONLY),
    }
}

fn set_flags(call: &mut Call, data: &[u8]) -> Outcome {
    // Some clients leave out bytes at the end, which are 0 then.
    let mut flags = [0; 5];
    let length = data.len();
    flags.get_mut(..length).filter(|_| length >= 2).ok_or(Code::WRONG_LENGTH)?.copy_from_slice(data);
    let boot = meaning(flags).ok_or(Code::INVALID_FIELD)?;
    let keeps = call.controller.memory.has(Oddity::KeepsBoot) && boot != Boot::NONE;
    if keeps {
        flags[0] |= PERSISTENT;
    }
    if call.view.manner.forgetful {
        return Ok(Reply::empty());
    }
    let options = &mut call.controller.memory.boot;
    options.flags = Some(flags);
    let forgets = boot != Boot::NONE && options.clearing & KEEP_AFTER_60_S == 0;
    options.forget_at = forgets.then(|| call.now.tick + FORGET);
    if call.view.manner.lying {
        return Ok(Reply::empty());
    }
    let persistence = if keeps { Persistence::Always } else { boot.persistence };
    Ok(Reply::order(Order::SetBoot(Boot { persistence, ..boot })))
}

pub fn get(call: &mut Call) -> Outcome {
    let &[parameter, _set, _block] = call.data else { return Err(Code::WRONG_LENGTH) };
    let options = &call.controller.memory.boot;
    let shown = options.shown(call.view.board.boot, call.view.manner.lying);
    let data: &[u8] = match parameter & 0x7f {
        SET_IN_PROGRESS => &[u8::from(options.in_progress)],
        VALID_BIT_CLEARING => &[options.clearing],
        ACKNOWLEDGE => &options.acknowledged,
        FLAGS => &shown,
        _ => return Err(NO_SUCH_PARAMETER),
    };
    Ok(Reply::data([&[1, parameter & 0x7f], data].concat()))
}

/// What flags ask of the board; None for a device that it has not.
fn meaning([first, second, ..]: [u8; 5]) -> Option<Boot> {
    if first & VALID == 0 {
        return Some(Boot::NONE);
    }
    let target = match (second & DEVICE) >> 2 {
        0b0000 => return Some(Boot::NONE),
        0b0001 => Target::Network,
        // Safe mode is Windows' own affair.
        0b0010 | 0b0011 => Target::Disk,
        0b0101 | 0b1000 => Target::Cd,
        0b0110 => Target::Setup,
        _ => return None,
    };
    let persistence = if first & PERSISTENT == 0 { Persistence::Once } else { Persistence::Always };
    let mode = if first & EFI == 0 { Mode::Bios } else { Mode::Uefi };
    Some(Boot { target, persistence, mode: Some(mode) })
}

/// An override that was set by other means than ours.
fn encode(boot: Boot) -> [u8; 5] {
    let device = match boot.target {
        Target::Usual => return [0; 5],
        Target::Network => 0b0001,
        Target::Disk => 0b0010,
        Target::Cd => 0b0101,
        Target::Setup => 0b0110,
    };
    let persistent = if boot.persistence == Persistence::Always { PERSISTENT } else { 0 };
    let efi = if boot.mode == Some(Mode::Uefi) { EFI } else { 0 };
    [VALID | persistent | efi, device << 2, 0, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_the_board_s_override_say_the_same() {
        for target in [Target::Network, Target::Disk, Target::Cd, Target::Setup] {
            for persistence in [Persistence::Once, Persistence::Always] {
                for mode in [Mode::Bios, Mode::Uefi] {
                    let boot = Boot { target, persistence, mode: Some(mode) };
                    assert_eq!(meaning(encode(boot)), Some(boot));
                }
            }
        }
        assert_eq!(meaning(encode(Boot::NONE)), Some(Boot::NONE));
        assert_eq!(meaning([VALID, 0b1111 << 2, 0, 0, 0]), None, "a floppy");
    }

    #[test]
    fn flags_are_shown_until_the_board_has_used_them() {
        let flags = [VALID | EFI, 1 << 2, 0x40, 0, 0];
        let options = Options { flags: Some(flags), ..Options::default() };
        assert_eq!(options.shown(meaning(flags).unwrap(), false), flags);
        assert_eq!(options.shown(Boot::NONE, false), [0; 5]);
        assert_eq!(options.shown(Boot::NONE, true), flags, "a liar");
    }

    #[test]
    fn flags_that_nobody_uses_are_forgotten() {
        let at = Duration::from_secs(60);
        let mut options =
            Options { flags: Some([VALID, 4, 0, 0, 0]), forget_at: Some(at), ..Options::default() };
        assert_eq!(options.tick(at - Duration::from_millis(1)), None);
        assert_eq!(options.tick(at), Some(Order::SetBoot(Boot::NONE)));
        assert_eq!((options.tick(at), options.flags), (None, None));
    }
}
