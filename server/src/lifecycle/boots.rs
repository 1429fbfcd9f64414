//! What a machine's boots over the network tell about its firmware. Pure.

use api::facts::BootMode;
use api::state::Home;
use api::trace::{Attempt, Hop, HopName};

/// The words with which an agent's hello is put into the trace.
pub fn hello(home: Home, generation: i64, version: &str) -> String {
    format!("the agent from {home}, generation {generation}, version {version}")
}

/// Whether the firmware comes to us before it tries its disk: the newest hello from the disk came by way of our script,
/// or without it. None where no boot of its OS was seen. `attempts`: the newest first.
pub fn netboots_first(attempts: &[Attempt]) -> Option<bool> {
    attempts.iter().find_map(|attempt| {
        let last = attempt.hops.iter().rposition(from_disk)?;
        let before = attempt.hops[..last].iter().rev().take_while(|hop| hop.name != HopName::Hello);
        Some(before.into_iter().any(|hop| hop.name == HopName::Script))
    })
}

/// So many boots that end alike are one too many.
pub const ALIKE: usize = 3;

/// The hop at which the last boots all ended, where none of them led to an agent. Only boots after attempt `after` and
/// from the time `from` on count, and only those that are over. What happens before a loader is fetched is not the
/// loader's doing. `attempts`: the newest first.
pub fn same_boot<'a>(attempts: &'a [Attempt], after: i64, from: i64) -> Option<&'a Hop> {
    let (running, over) = attempts.split_first()?;
    let begun = |attempt: &Attempt| attempt.hops.first().map_or(0, |hop| hop.at);
    let counts = |attempt: &&Attempt| attempt.number > after && begun(attempt) >= from;
    // A loader asks for an address again: how far a boot came is its furthest hop, not the newest one.
    let furthest = |attempt: &'a Attempt| attempt.hops.iter().max_by_key(|hop| hop.name);
    let ends: Vec<&Hop> = over.iter().take_while(counts).filter_map(furthest).take(ALIKE).collect();
    let last = ends.first().copied().filter(|hop| is_ours(hop))?;
    let alike = ends.len() == ALIKE && ends.iter().all(|hop| hop.name == last.name);
    (alike && running.hops.iter().all(|hop| hop.name != HopName::Hello)).then_some(last)
}

/// Between the loader's first byte and the agent's hello; a script that says hold is waited for on purpose.
fn is_ours(hop: &Hop) -> bool {
    match hop.name {
        HopName::TftpFirst | HopName::TftpLast | HopName::Kernel | HopName::Initrd => true,
        HopName::Script => !hop.detail.contains("is told: hold"),
        HopName::Discover | HopName::Offer | HopName::Ack | HopName::Hello => false,
    }
}

/// The loader after the one that led nowhere, for the firmware that fetched it; None when there is no other. `built`
/// says which there are.
pub fn next_loader(
    attempt: &Attempt,
    given: Option<&str>,
    built: impl Fn(&str) -> bool,
) -> Option<&'static str> {
    let firmware = attempt.hops.first().map_or("", |hop| hop.detail.as_str());
    let all = LOADERS.iter().find(|(name, _)| *name == firmware).map(|(_, loaders)| *loaders)?;
    let given = given.and_then(|given| all.iter().position(|loader| *loader == given)).unwrap_or(0);
    all.iter().skip(given + 1).copied().find(|loader| built(loader))
}

/// By the firmware's name in the trace: loaders in the order in which they are tried. An iPXE in a card's ROM is none of
/// these: it never asks for a loader.
const LOADERS: [(&str, &[&str]); 3] = [
    ("UEFI PXE", &["snponly.efi", "ipxe.efi"]),
    ("UEFI HTTP Boot", &["snponly.efi", "ipxe.efi"]),
    ("BIOS PXE", &["undionly.kpxe"]),
];

/// Which firmware spoke at the newest boot that says so, by its name in the trace.
pub fn boot_mode(attempts: &[Attempt]) -> Option<BootMode> {
    let named = |firmware: &str| FIRMWARE.iter().find(|(name, _)| *name == firmware).map(|(_, mode)| *mode);
    attempts.iter().find_map(|attempt| named(&attempt.hops.first()?.detail))
}

const FIRMWARE: [(&str, BootMode); 5] = [
    ("UEFI PXE", BootMode::Uefi),
    ("UEFI HTTP Boot", BootMode::Uefi),
    ("iPXE (UEFI)", BootMode::Uefi),
    ("BIOS PXE", BootMode::Bios),
    ("iPXE (BIOS)", BootMode::Bios),
];

fn from_disk(hop: &Hop) -> bool {
    hop.name == HopName::Hello && hop.detail.starts_with("the agent from disk")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(hops: &[(HopName, &str)]) -> Attempt {
        let hop = |(name, detail): &(HopName, &str)| Hop { name: *name, at: 0, detail: (*detail).into() };
        Attempt { number: 1, hops: hops.iter().map(hop).collect() }
    }

    fn boot(number: i64, firmware: &str, last: HopName) -> Attempt {
        let hop = |name| Hop { name, at: 100 * number, detail: firmware.into() };
        Attempt { number, hops: vec![hop(HopName::Discover), hop(last)] }
    }

    fn stuck(ends: &[HopName]) -> Option<HopName> {
        let boots = ends.iter().rev().zip(1..).map(|(end, number)| boot(number, "UEFI PXE", *end));
        let mut attempts: Vec<_> = boots.collect();
        attempts.reverse();
        same_boot(&attempts, 0, 0).map(|hop| hop.name)
    }

    #[test]
    fn three_boots_that_end_alike_are_a_loop() {
        use HopName::{Ack, Discover, Hello, Initrd, Kernel, Script, TftpFirst, TftpLast};
        for end in [TftpFirst, TftpLast, Script, Kernel, Initrd] {
            assert_eq!(stuck(&[Discover, end, end, end]), Some(end));
            assert_eq!(stuck(&[Discover, end, end, end, Hello]), Some(end));
            assert_eq!(stuck(&[Discover, end, end]), None, "twice is chance");
            assert_eq!(stuck(&[end, end, end]), None, "the newest is still running");
            assert_eq!(stuck(&[Hello, end, end, end]), None, "it got on");
        }
        assert_eq!(stuck(&[Discover, Kernel, Initrd, Kernel]), None, "not alike");
        assert_eq!(stuck(&[Discover, Ack, Ack, Ack]), None, "no loader was fetched");
        assert_eq!(stuck(&[Discover, Hello, Hello, Hello]), None, "that is the state's patience");
        let loaded = |number: i64| {
            let mut attempt = boot(number, "UEFI PXE", TftpLast);
            attempt.hops.push(Hop { name: Ack, at: 100 * number + 5, detail: "iPXE (UEFI)".into() });
            attempt
        };
        let loaded = [loaded(4), loaded(3), loaded(2), loaded(1)];
        assert_eq!(
            same_boot(&loaded, 0, 0).map(|hop| hop.name),
            Some(TftpLast),
            "the loader asked for nothing more"
        );
        let hold = |number| boot(number, "iPXE/1.21 is told: hold: no RAM image", Script);
        assert_eq!(same_boot(&[hold(4), hold(3), hold(2), hold(1)], 0, 0), None);
    }

    #[test]
    fn only_boots_since_the_last_change_count() {
        let boots: Vec<_> =
            [5, 4, 3, 2, 1].into_iter().map(|number| boot(number, "UEFI PXE", HopName::TftpLast)).collect();
        assert!(same_boot(&boots, 1, 0).is_some());
        assert_eq!(same_boot(&boots, 2, 0), None, "the loader is another one since then");
        assert!(same_boot(&boots, 0, 200).is_some());
        assert_eq!(same_boot(&boots, 0, 201), None, "the state, or this server, is younger");
        assert_eq!(same_boot(&[], 0, 0), None);
    }

    #[test]
    fn each_firmware_has_its_loaders() {
        let table = [
            ("UEFI PXE", None, Some("ipxe.efi")),
            ("UEFI PXE", Some("snponly.efi"), Some("ipxe.efi")),
            ("UEFI HTTP Boot", None, Some("ipxe.efi")),
            ("UEFI PXE", Some("ipxe.efi"), None),
            ("BIOS PXE", None, None),
            ("iPXE (UEFI)", None, None),
        ];
        for (firmware, given, expected) in table {
            let attempt = boot(1, firmware, HopName::TftpLast);
            assert_eq!(next_loader(&attempt, given, |_| true), expected, "{firmware} {given:?}");
            assert_eq!(next_loader(&attempt, given, |_| false), None, "none is built");
        }
    }

    #[test]
    fn what_comes_first_is_seen_at_the_last_boot_of_the_os() {
        use HopName::{Ack, Discover, Hello, Script};
        let (ram, disk) = (hello(Home::Ram, 0, "1"), hello(Home::Disk, 1, "1"));
        let install = [(Discover, ""), (Ack, ""), (Script, "agent"), (Hello, ram.as_str())];
        let by_script = attempt(&[(Discover, ""), (Ack, ""), (Script, "disk"), (Ack, ""), (Hello, &disk)]);
        // The OS's own DISCOVER begins no attempt: it is added to the one before.
        let by_itself = attempt(&[&install[..], &[(Ack, ""), (Hello, &disk)]].concat());
        let running = attempt(&[(Discover, ""), (Script, "agent")]);
        assert_eq!(netboots_first(&[]), None);
        assert_eq!(netboots_first(&[attempt(&install)]), None);
        assert_eq!(netboots_first(&[by_script.clone(), attempt(&install)]), Some(true));
        assert_eq!(netboots_first(std::slice::from_ref(&by_itself)), Some(false));
        assert_eq!(netboots_first(&[running, by_itself, by_script]), Some(false), "the newest that tells");
    }

    #[test]
    fn the_newest_boot_over_the_network_tells_the_firmwares_mode() {
        use crate::dhcp::firmware::Firmware;

        let of = |firmware: Firmware| boot_mode(&[boot(1, &firmware.to_string(), HopName::Offer)]);
        for firmware in [Firmware::BiosPxe, Firmware::IpxeBios] {
            assert_eq!(of(firmware), Some(BootMode::Bios), "{firmware}");
        }
        for firmware in [Firmware::UefiPxe, Firmware::UefiHttp, Firmware::IpxeUefi] {
            assert_eq!(of(firmware), Some(BootMode::Uefi), "{firmware}");
        }
        for firmware in [Firmware::Plain, Firmware::Grub, Firmware::Other(11)] {
            assert_eq!(of(firmware), None, "{firmware}");
        }
        let from_its_disk = attempt(&[(HopName::Hello, "the agent from disk")]);
        let attempts = [from_its_disk, boot(2, "BIOS PXE", HopName::Ack), boot(1, "UEFI PXE", HopName::Ack)];
        assert_eq!(boot_mode(&attempts), Some(BootMode::Bios));
        assert_eq!(boot_mode(&[]), None);
    }
}
