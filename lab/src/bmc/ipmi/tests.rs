//! The core as a whole, by datagrams: sessions, privileges, what time brings, and packets of nobody.

mod console;
mod damage;

use std::time::Duration;

use self::console::{Bench, FROM, PASSWORD, USER};
use super::handshake::Status;
use super::message::Code;
use super::rmcp::Kind;
use super::settings::{Level, Oddity, Settings};
use super::suite::Suite;
use super::view::Order;
use crate::bmc::board::{Action, Boot, Light, Mode, Persistence, Power, Target};

const STATUS: (u8, u8) = (0, 1);
const CONTROL: (u8, u8) = (0, 2);
const IDENTIFY: (u8, u8) = (0, 4);
const SET_BOOT: (u8, u8) = (0, 8);
const GET_BOOT: (u8, u8) = (0, 9);
const DEVICE_ID: (u8, u8) = (6, 1);
const COLD_RESET: (u8, u8) = (6, 2);
const ACTIVATE: (u8, u8) = (6, 0x48);
const DEACTIVATE: (u8, u8) = (6, 0x49);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn either_suite_opens_a_session_and_no_other_does() {
    for suite in [Suite::Seventeen, Suite::Three] {
        let mut bench = Bench::new(Settings { suites: vec![suite], ..Settings::default() });
        let mut console = bench.login(suite, Level::Administrator).unwrap();
        assert_eq!(bench.ask(&mut console, STATUS, &[]).unwrap()[0] & 1, 0);
        let other = if suite == Suite::Three { Suite::Seventeen } else { Suite::Three };
        assert_eq!(bench.login(other, Level::Administrator).err(), Some(Status::NoSuite as u8));
    }
}

#[test]
fn a_login_is_refused_for_what_is_wrong_with_it() {
    let limits = vec![(USER.to_string(), Level::Operator)];
    let mut bench = Bench::new(Settings { limits, ..Settings::default() });
    let suite = Suite::Seventeen;
    let mut refusal = |name: &str, password: &str, level| {
        bench.login_as(name, password, suite, level).err().expect("it is let in")
    };
    assert_eq!(refusal("nobody", PASSWORD, Level::User), Status::UnauthorizedName as u8);
    assert_eq!(refusal(USER, "wrong", Level::User), Status::InvalidProof as u8);
    assert_eq!(refusal(USER, PASSWORD, Level::Administrator), Status::UnauthorizedRole as u8);
    // And none of these is left behind.
    assert_eq!(bench.controller.sessions.next_end(), None);
}

#[test]
fn a_bmc_key_takes_the_password_s_place_in_the_keys() {
    let mut bench = Bench::new(Settings { key: Some(b"a key".to_vec()), ..Settings::default() });
    assert!(bench.login(Suite::Seventeen, Level::User).is_err());
    bench.key = Some(b"a key".to_vec());
    let mut console = bench.login(Suite::Seventeen, Level::User).unwrap();
    assert!(bench.ask(&mut console, DEVICE_ID, &[]).is_ok());
}

#[test]
fn each_command_takes_its_privilege() {
    let mut bench = Bench::new(Settings::default());
    let mut user = bench.login(Suite::Seventeen, Level::User).unwrap();
    assert!(bench.ask(&mut user, STATUS, &[]).is_ok());
    for (command, data) in [(CONTROL, &[1][..]), (GET_BOOT, &[5, 0, 0]), (COLD_RESET, &[])] {
        assert_eq!(bench.ask(&mut user, command, data), Err(Code::PRIVILEGE), "{command:?}");
    }
    assert_eq!(bench.ask(&mut user, (6, 0x3b), &[4]), Err(Code(0x81)), "it was opened for less");
    let mut operator = bench.login(Suite::Seventeen, Level::Operator).unwrap();
    assert_eq!(bench.ask(&mut operator, CONTROL, &[1]), Err(Code::PRIVILEGE), "before it is raised");
    bench.raise(&mut operator, Level::Operator);
    assert!(bench.ask(&mut operator, CONTROL, &[1]).is_ok());
    assert_eq!(bench.ask(&mut operator, COLD_RESET, &[]), Err(Code::PRIVILEGE));
    assert_eq!(bench.orders, [Order::Act(Action::On)]);
}

#[test]
fn there_are_few_sessions_and_none_lasts_unused() {
    let mut bench = Bench::new(Settings { sessions: 2, ..Settings::default() });
    let suite = Suite::Seventeen;
    let mut console = bench.login(suite, Level::User).unwrap();
    // One that is begun and left takes a place for a while.
    bench.send(&console::propose(suite, 99));
    assert_eq!(bench.login(suite, Level::User).err(), Some(Status::NoRoom as u8));
    bench.pass(SECOND * 11);
    bench.login(suite, Level::User).unwrap();
    bench.pass(SECOND * 45);
    assert!(bench.ask(&mut console, STATUS, &[]).is_ok(), "56 s");
    bench.pass(SECOND * 59);
    assert!(bench.ask(&mut console, STATUS, &[]).is_ok(), "it was used since");
    bench.pass(SECOND * 60);
    assert_eq!(bench.controller.due(), None);
    assert_eq!(bench.try_ask(&mut console, STATUS, &[]), None);
    bench.full = true;
    assert_eq!(bench.login(suite, Level::User).err(), Some(Status::NoRoom as u8));
}

#[test]
fn a_request_that_comes_again_is_carried_out_once() {
    let mut bench = Bench::new(Settings::default());
    bench.view.board.power = Some(Power::On);
    let mut console = bench.admin();
    let message = console.message(CONTROL, &[2]);
    let first = console.seal(Kind::Message, &message);
    assert!(bench.send(&first).is_some());
    assert!(bench.send(&first).is_none(), "the very same packet");
    let again = console.seal(Kind::Message, &message);
    assert!(bench.send(&again).is_some(), "its answer was lost");
    assert_eq!(bench.orders, [Order::Act(Action::Cycle)]);
}

#[test]
fn power_is_switched_as_far_as_that_makes_sense() {
    let mut bench = Bench::new(Settings { oddities: vec![Oddity::BusyOnce], ..Settings::default() });
    let mut console = bench.admin();
    assert_eq!(bench.ask(&mut console, CONTROL, &[1]), Err(Code::BUSY));
    for control in [2, 3, 4, 5] {
        assert_eq!(bench.ask(&mut console, CONTROL, &[control]), Err(Code::NOT_NOW), "{control}");
    }
    assert_eq!(bench.ask(&mut console, CONTROL, &[9]), Err(Code::INVALID_FIELD));
    bench.view.board.power = Some(Power::On);
    for control in 0..6 {
        bench.ask(&mut console, CONTROL, &[control]).unwrap();
    }
    use Action::{Cycle, Nmi, Off, On, Reset, Shutdown};
    assert_eq!(bench.orders, [Off, On, Cycle, Reset, Nmi, Shutdown].map(Order::Act));
    bench.view.board.power = None;
    assert_eq!(bench.ask(&mut console, STATUS, &[]), Err(Code::UNSPECIFIED));
}

#[test]
fn a_liar_says_what_it_was_told() {
    let mut bench = Bench::new(Settings::default());
    let mut console = bench.admin();
    bench.view.manner.lying = true;
    bench.ask(&mut console, CONTROL, &[1]).unwrap();
    bench.ask(&mut console, SET_BOOT, &[5, 0x80, 4, 0, 0, 0]).unwrap();
    assert_eq!(bench.ask(&mut console, STATUS, &[]).unwrap()[0] & 1, 1);
    assert_eq!(bench.ask(&mut console, GET_BOOT, &[5, 0, 0]).unwrap(), [1, 5, 0x80, 4, 0, 0, 0]);
    assert_eq!(bench.orders, []);
    bench.view.manner.lying = false;
    assert_eq!(bench.ask(&mut console, STATUS, &[]).unwrap()[0] & 1, 0);
    assert_eq!(bench.ask(&mut console, GET_BOOT, &[5, 0, 0]).unwrap()[2], 0);
}

#[test]
fn boot_flags_are_forgotten_after_a_minute_or_kept() {
    let mut bench = Bench::new(Settings::default());
    let mut console = bench.admin();
    let once = Boot { target: Target::Network, persistence: Persistence::Once, mode: Some(Mode::Uefi) };
    let clear = [Order::SetBoot(once), Order::SetBoot(Boot::NONE)];
    bench.ask(&mut console, SET_BOOT, &[5, 0xa0, 4, 0, 0, 0]).unwrap();
    bench.pass(SECOND * 30);
    assert_eq!(bench.orders, clear[..1]);
    bench.pass(SECOND * 30);
    assert_eq!(bench.orders, clear);
    // A power command, or bit 3 of parameter 3, keeps them.
    let mut console = bench.admin();
    bench.ask(&mut console, SET_BOOT, &[5, 0xa0, 4, 0, 0, 0]).unwrap();
    bench.ask(&mut console, CONTROL, &[1]).unwrap();
    bench.pass(SECOND * 70);
    let mut console = bench.admin();
    bench.ask(&mut console, SET_BOOT, &[3, 8]).unwrap();
    bench.ask(&mut console, SET_BOOT, &[5, 0xa0, 4, 0, 0, 0]).unwrap();
    bench.pass(SECOND * 70);
    assert_eq!(bench.orders[2..], [clear[0], Order::Act(Action::On), clear[0]]);
}

#[test]
fn the_light_goes_out_by_itself() {
    let mut bench = Bench::new(Settings::default());
    let mut console = bench.admin();
    bench.ask(&mut console, IDENTIFY, &[2]).unwrap();
    bench.pass(SECOND * 2);
    bench.ask(&mut console, IDENTIFY, &[0, 1]).unwrap();
    bench.pass(SECOND * 50);
    bench.ask(&mut console, IDENTIFY, &[0]).unwrap();
    let lights = [Light::Blinking, Light::Off, Light::Lit, Light::Off];
    assert_eq!(bench.orders, lights.map(Order::SetLight));
}

#[test]
fn a_restart_takes_sessions_and_console_along() {
    let mut bench = Bench::new(Settings::default());
    let mut console = bench.admin();
    bench.ask(&mut console, ACTIVATE, &[1, 1, 0xc0, 0, 0, 0]).unwrap();
    let mut other = bench.admin();
    assert_eq!(bench.ask(&mut other, ACTIVATE, &[1, 1, 0xc0, 0, 0, 0]), Err(Code(0x80)));
    assert!(bench.ask(&mut other, COLD_RESET, &[]).is_ok(), "it answers and is gone");
    let (to, farewell) = bench.controller.poll().unwrap();
    assert_eq!((to, console.open(&farewell)), (FROM, Some(vec![0, 0, 0, 0x10])));
    assert_eq!(bench.try_ask(&mut console, STATUS, &[]), None);
    assert_eq!(bench.login(Suite::Three, Level::User).err(), Some(console::SILENCE));
    bench.pass(SECOND * 3);
    bench.login(Suite::Three, Level::User).unwrap();
    assert_eq!(bench.try_ask(&mut console, STATUS, &[]), None, "its session is gone");
}

#[test]
fn another_session_may_end_a_console() {
    let mut bench = Bench::new(Settings::default());
    let (mut first, mut second) = (bench.admin(), bench.admin());
    bench.ask(&mut first, ACTIVATE, &[1, 1, 0xc0, 0, 0, 0]).unwrap();
    assert_eq!(bench.ask(&mut first, ACTIVATE, &[1, 1, 0, 0, 0, 0]), Err(Code(0x83)), "in clear");
    bench.ask(&mut second, DEACTIVATE, &[1, 1, 0, 0, 0, 0]).unwrap();
    let (_, farewell) = bench.controller.poll().unwrap();
    assert_eq!(first.open(&farewell), Some(vec![0, 0, 0, 0x10]));
    assert_eq!(bench.ask(&mut second, DEACTIVATE, &[1, 1, 0, 0, 0, 0]), Err(Code(0x80)));
}

#[test]
fn oddities_are_as_they_say() {
    let oddities = vec![Oddity::KeepsBoot, Oddity::StrangeCodes, Oddity::CutsPasswords];
    let mut bench = Bench::new(Settings { oddities, ..Settings::default() });
    assert_eq!(bench.login(Suite::Three, Level::User).err(), Some(Status::InvalidProof as u8));
    let mut console = bench.login_as(USER, &PASSWORD[..16], Suite::Three, Level::Administrator).unwrap();
    bench.raise(&mut console, Level::Administrator);
    assert_eq!(bench.ask(&mut console, IDENTIFY, &[0, 1]), Err(Code(0xe3)));
    bench.ask(&mut console, SET_BOOT, &[5, 0xa0, 4, 0, 0, 0]).unwrap();
    let Some(Order::SetBoot(boot)) = bench.orders.pop() else { panic!("{:?}", bench.orders) };
    assert_eq!(boot.persistence, Persistence::Always);
    bench.view.board.boot = boot;
    assert_eq!(bench.ask(&mut console, GET_BOOT, &[5, 0, 0]).unwrap()[2], 0xe0);
}
