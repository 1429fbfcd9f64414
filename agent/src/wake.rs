//! Leaves the network cards so that a magic packet wakes the machine: many drivers switch that off when the machine goes
//! down, unless somebody has asked for it (Linux, include/uapi/linux/ethtool.h).

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::ioctl::{Opcode, Updater, ioctl};
use rustix::net::{AddressFamily, SocketType, socket};

use crate::log::Log;
use crate::sysfs::Tree;

const NETS: &str = "sys/class/net";
const SIOCETHTOOL: Opcode = 0x8946;
const ETHTOOL_GWOL: u32 = 5;
const ETHTOOL_SWOL: u32 = 6;
const WAKE_MAGIC: u32 = 1 << 5;
/// With a password behind the packet (SecureOn).
const WAKE_MAGICSECURE: u32 = 1 << 6;

/// `struct ethtool_wolinfo`
#[repr(C)]
struct WolInfo {
    command: u32,
    supported: u32,
    options: u32,
    password: [u8; 6],
}

/// `struct ifreq`, as SIOCETHTOOL reads it.
#[repr(C)]
struct Ifreq {
    name: [u8; 16],
    data: *mut WolInfo,
    rest: [u8; 16],
}

/// What a card is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arming {
    /// It wakes already, by whatever its owner has chosen.
    Armed,
    Set(u32),
    Cannot,
}

/// All cards of the machine: which one hears the packet, the cabling knows.
pub fn arm(tree: &Tree, log: &Log) {
    let mut armed = Vec::new();
    for name in tree.list(NETS) {
        // What has no device is no card: a bridge, a tunnel, the loopback.
        if !tree.exists(format!("{NETS}/{name}/device")) {
            continue;
        }
        match arm_one(&name) {
            Ok(true) => armed.push(name),
            Ok(false) => {}
            Err(error) => log.say(format!("{name}: Wake-on-LAN cannot be set: {error}")),
        }
    }
    match armed.is_empty() {
        true => log.say("no card here is woken by a magic packet: to come back, this machine needs a hand"),
        false => log.say(format!("a magic packet wakes this machine by {}", armed.join(", "))),
    }
}

/// False where the card cannot be woken by a magic packet.
fn arm_one(name: &str) -> io::Result<bool> {
    let door = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    let mut info = WolInfo { command: ETHTOOL_GWOL, supported: 0, options: 0, password: [0; 6] };
    match ethtool(&door, name, &mut info) {
        // Virtual cards and old drivers know nothing of it.
        Err(Errno::OPNOTSUPP) => return Ok(false),
        answer => answer?,
    }
    match arming(info.supported, info.options) {
        Arming::Armed => Ok(true),
        Arming::Cannot => Ok(false),
        Arming::Set(options) => {
            (info.command, info.options) = (ETHTOOL_SWOL, options);
            ethtool(&door, name, &mut info)?;
            Ok(true)
        }
    }
}

const fn arming(supported: u32, options: u32) -> Arming {
    if options & (WAKE_MAGIC | WAKE_MAGICSECURE) != 0 {
        return Arming::Armed;
    }
    match supported & WAKE_MAGIC {
        0 => Arming::Cannot,
        _ => Arming::Set(options | WAKE_MAGIC),
    }
}

fn ethtool(door: &OwnedFd, name: &str, info: &mut WolInfo) -> Result<(), Errno> {
    let mut request = Ifreq { name: [0; 16], data: info, rest: [0; 16] };
    // The last byte stays 0, as the kernel wants it.
    for (to, from) in request.name.iter_mut().take(15).zip(name.bytes()) {
        *to = from;
    }
    // SAFETY: SIOCETHTOOL reads `struct ifreq`, at most as long as this, and through its pointer reads and writes one
    // `struct ethtool_wolinfo`, which outlives the call.
    unsafe { ioctl(door, Updater::<SIOCETHTOOL, Ifreq>::new(&mut request)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_armed_and_what_its_owner_chose_stays() {
        const WAKE_PHY: u32 = 1;
        let all = WAKE_PHY | WAKE_MAGIC | WAKE_MAGICSECURE;
        assert_eq!(arming(all, 0), Arming::Set(WAKE_MAGIC));
        assert_eq!(arming(all, WAKE_PHY), Arming::Set(WAKE_PHY | WAKE_MAGIC));
        assert_eq!(arming(all, WAKE_MAGIC), Arming::Armed);
        assert_eq!(arming(all, WAKE_MAGICSECURE), Arming::Armed, "a password is not given up");
        assert_eq!(arming(WAKE_PHY, 0), Arming::Cannot);
        assert_eq!(arming(0, 0), Arming::Cannot);
    }

    #[test]
    fn the_kernel_understands_the_question() {
        assert_eq!(std::mem::size_of::<WolInfo>(), 20);
        assert_eq!(std::mem::size_of::<Ifreq>(), 40);
        assert!(!arm_one("lo").unwrap(), "the loopback has no card");
        let missing = arm_one("no-such-card").unwrap_err();
        assert_eq!(missing.raw_os_error(), Some(Errno::NODEV.raw_os_error()));
    }
}
