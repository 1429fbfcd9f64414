//! Controllers that answer as they are told, and keep what was asked of them.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::*;
use crate::log::Log;

/// Opcode, namespace and dword 10 of a command.
type Sent = (u8, u32, u32);

/// A controller with its namespaces.
#[derive(Default)]
struct Controller {
    page: Vec<u8>,
    of_namespace: Vec<u8>,
    active: Vec<u32>,
    /// None where it does not tell.
    allocated: Option<Vec<u32>>,
    /// What the log says at each look: progress and status.
    log: RefCell<VecDeque<(u16, u8)>>,
    refuses: Vec<u8>,
    /// Each command.
    sent: RefCell<Vec<Sent>>,
}

impl Admin for Controller {
    fn send(&self, command: Command, data: &mut [u8]) -> Result<()> {
        let Command { opcode, namespace, setting, .. } = command;
        self.sent.borrow_mut().push((opcode, namespace, setting));
        if self.refuses.contains(&opcode) {
            bail!("Invalid Command Opcode");
        }
        let list = |ids: &[u32]| ids.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<u8>>();
        let answer = match (opcode, setting) {
            (IDENTIFY, OF_CONTROLLER) => self.page.clone(),
            (IDENTIFY, OF_NAMESPACE) => self.of_namespace.clone(),
            (IDENTIFY, ACTIVE_NAMESPACES) => list(&self.active),
            (IDENTIFY, ALLOCATED_NAMESPACES) => list(self.allocated.as_deref().context("Invalid Field")?),
            (GET_LOG_PAGE, SANITIZE_STATUS) => {
                let (progress, status) = self.log.borrow_mut().pop_front().context("no more looks")?;
                [&progress.to_le_bytes()[..], &[status, 0]].concat()
            }
            (FORMAT_NVM | SANITIZE, _) => Vec::new(),
            other => bail!("unexpected {other:?}"),
        };
        data[..answer.len()].copy_from_slice(&answer);
        Ok(())
    }
}

/// `oacs`, `fna` and `sanicap` as `nvme id-ctrl` prints them.
fn controller(oacs: u8, fna: u8, sanicap: u8) -> Controller {
    let mut page = vec![0; PAGE];
    (page[256], page[524], page[328]) = (oacs, fna, sanicap);
    Controller { page, of_namespace: namespace(0, 0), active: vec![1], ..Controller::default() }
}

fn namespace(flbas: u8, dps: u8) -> Vec<u8> {
    let mut page = vec![0; PAGE];
    (page[26], page[29]) = (flbas, dps);
    page
}

fn with_log(looks: &[(u16, u8)]) -> Controller {
    Controller { log: RefCell::new(looks.iter().copied().collect()), ..controller(0b10, 0, 0b11) }
}

const LOOK: Sent = (GET_LOG_PAGE, ALL_NAMESPACES, 0x7f_0081);
const NEVER: (u16, u8) = (0xffff, 0);
const WELL: (u16, u8) = (0xffff, 1);

/// How it ended, what was sent, and how often it was waited.
fn sanitized(device: &Controller, how: Sanitize) -> (Result<(), String>, Vec<Sent>, u32) {
    let (report, mut pauses) = (Report::new(Log::default()), 0);
    let ended = sanitize_with(device, how, (1 << 30, &report), || pauses += 1);
    (ended.map_err(|error| format!("{error:#}")), device.sent.take(), pauses)
}

#[test]
fn each_question_is_asked_once_and_nothing_else() {
    let plain = controller(0b10, 0, 0);
    ask(&plain, 1).unwrap();
    assert_eq!(plain.sent.take(), [(IDENTIFY, 0, 1), (IDENTIFY, 1, 0), (IDENTIFY, 0, 2)]);
    let managing = Controller { allocated: Some(vec![1]), ..controller(0b1010, 0, 0) };
    ask(&managing, 1).unwrap();
    assert_eq!(managing.sent.take().last(), Some(&(IDENTIFY, 0, 0x10)));
    let silent = Controller { refuses: vec![IDENTIFY], ..controller(0b10, 0, 0) };
    assert!(ask(&silent, 1).is_err());
}

#[test]
fn a_sanitize_is_for_a_disk_without_neighbours() {
    let both = vec![Sanitize::Crypto, Sanitize::Blocks];
    let alone = ask(&controller(0b10, 0, 0b11), 1).unwrap();
    assert_eq!((alone.sanitize, alone.barred), (both.clone(), vec![]));
    let managing = |allocated| Controller { allocated, ..controller(0b1010, 0, 0b11) };
    assert_eq!(ask(&managing(Some(vec![1])), 1).unwrap().sanitize, both);
    let attached = Controller { active: vec![1, 2], ..controller(0b10, 0, 0b11) };
    for device in [attached, managing(Some(vec![1, 2])), managing(None)] {
        let Abilities { sanitize, format, barred } = ask(&device, 1).unwrap();
        assert!(sanitize.is_empty() && format.is_some(), "each namespace can be formatted for itself");
        assert!(matches!(&barred[..], [one] if one.why.contains("other namespaces")), "{barred:?}");
    }
    let unable = Controller { active: vec![1, 2], ..controller(0b10, 0, 0) };
    assert_eq!(ask(&unable, 1).unwrap().barred, [], "what it does not have is not told of");
}

#[test]
fn a_neighbour_is_never_erased_by_a_format() {
    for reach in [0b01, 0b10, 0b11] {
        assert!(ask(&controller(0b10, reach, 0), 1).unwrap().format.is_some());
        let attached = Controller { active: vec![1, 2], ..controller(0b10, reach, 0) };
        // Attached to another controller, or to none: the active ones do not show it.
        let allocated = Controller { allocated: Some(vec![1, 9]), ..controller(0b1010, reach, 0) };
        for device in [attached, allocated] {
            let Abilities { format, barred, .. } = ask(&device, 1).unwrap();
            assert_eq!(format, None);
            assert!(matches!(&barred[..], [one] if one.way == "NVMe format"), "{barred:?}");
        }
    }
    assert_eq!(ask(&controller(0, 0, 0), 1).unwrap(), Abilities::default(), "it cannot format");
}

#[test]
fn blocks_and_protection_stay_what_they_are() {
    let formatted = |fna, flbas, dps| {
        let device = Controller { of_namespace: namespace(flbas, dps), ..controller(0b10, fna, 0) };
        let chosen = ask(&device, 7).unwrap().format.unwrap();
        device.sent.take();
        format(&device, chosen).unwrap();
        let sent = device.sent.take();
        assert_eq!(sent.len(), 1);
        (sent[0], chosen.cryptographic)
    };
    assert_eq!(formatted(0, 0, 0), ((FORMAT_NVM, 7, 0x200), false));
    assert_eq!(formatted(0b100, 0, 0), ((FORMAT_NVM, 7, 0x400), true));
    // Format 2 with metadata at the end of each block, protection type 1 in its first bytes.
    assert_eq!(formatted(0, 0x12, 0b1001).0, (FORMAT_NVM, 7, 0x200 | 0x12 | 1 << 5 | 1 << 8));
    assert_eq!(formatted(0, 0b0010_0001, 0).0, (FORMAT_NVM, 7, 0x200 | 1 | 1 << 12), "format 17");
}

#[test]
fn a_sanitize_is_begun_once_and_waited_for() {
    let device = with_log(&[NEVER, (100, 2), (60_000, 2), WELL]);
    let (ended, sent, pauses) = sanitized(&device, Sanitize::Crypto);
    assert_eq!(ended, Ok(()));
    assert_eq!(sent, [LOOK, (SANITIZE, 0, 0xc), LOOK, LOOK, LOOK]);
    assert_eq!(pauses, 2);
    let again = with_log(&[WELL, WELL]);
    assert_eq!(
        sanitized(&again, Sanitize::Blocks).1,
        [LOOK, (SANITIZE, 0, 0xa), LOOK],
        "an older one is none"
    );
}

#[test]
fn a_sanitize_that_a_power_cut_left_running_is_waited_for_and_not_begun_anew() {
    let device = with_log(&[(30_000, 2), (50_000, 2), WELL]);
    let (ended, sent, _) = sanitized(&device, Sanitize::Crypto);
    assert_eq!((ended, sent), (Ok(()), vec![LOOK; 3]));
}

#[test]
fn a_controller_whose_sanitize_failed_is_brought_back_so_that_it_can_be_written() {
    let device = with_log(&[NEVER, (100, 2), (100, 3)]);
    let (ended, sent, _) = sanitized(&device, Sanitize::Blocks);
    assert_eq!(ended, Err("the sanitize failed".into()));
    assert_eq!(sent, [LOOK, (SANITIZE, 0, 0xa), LOOK, LOOK, (SANITIZE, 0, 0x1)]);
}

#[test]
fn a_sanitize_that_is_refused_or_ignored_is_told() {
    let refusing = Controller { refuses: vec![SANITIZE], ..with_log(&[NEVER]) };
    assert_eq!(sanitized(&refusing, Sanitize::Crypto).0, Err("Invalid Command Opcode".into()));
    let idle = sanitized(&with_log(&[NEVER, NEVER]), Sanitize::Crypto);
    assert!(idle.0.unwrap_err().contains("did nothing"));
    let mute = Controller { refuses: vec![GET_LOG_PAGE], ..with_log(&[]) };
    let (ended, sent, _) = sanitized(&mute, Sanitize::Crypto);
    assert!(ended.unwrap_err().contains("cannot ask how the sanitize goes"));
    assert_eq!(sent, [LOOK], "what cannot be followed is not begun");
}
