//! The power of a machine that nothing can read, from what was heard of it: it speaks, it was silent, or its agent said
//! goodbye and nothing was heard since. Pure.

use api::bmc::Power;
use api::state::Home;

use super::ByAgent;
use crate::lifecycle::patience::SILENT;

/// What its agent was asked to do. Times are in microseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub what: ByAgent,
    /// The system that was asked.
    pub boot_id: String,
    pub asked_at: i64,
    /// When the agent said that it goes.
    pub gone_at: Option<i64>,
}

/// What was heard of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard<'a> {
    /// Its last packet: a request of its firmware, or a word of its agent.
    pub at: Option<i64>,
    /// The last word of its agent.
    pub agent_at: Option<i64>,
    /// Where the agent that spoke last lives, and in which boot.
    pub home: Option<Home>,
    pub boot_id: &'a str,
}

/// What that makes of its power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub power: Power,
    /// There is somebody who can be asked.
    pub agent: bool,
    /// Its last packet, where it is none of a system that is about to go.
    pub on_wire_at: Option<i64>,
}

const SECOND: i64 = 1_000_000;
/// What is not collected by then is asked no more: the agent is busy, or another system runs.
pub const FRESH: i64 = 300 * SECOND;

/// How long a system may take from its goodbye until it is off, or firmware runs.
const fn going(what: ByAgent, home: Option<Home>) -> i64 {
    match (what, home) {
        // The kernel alone goes down.
        (_, Some(Home::Ram) | None) => 15 * SECOND,
        (ByAgent::Reboot, Some(Home::Disk)) => 30 * SECOND,
        // An OS stops services and containers, each with patience of its own.
        (ByAgent::PowerOff, Some(Home::Disk)) => SILENT,
    }
}

/// Whether the agent that asks for work is to do this now.
pub fn is_due(asked: &Asked, boot_id: &str, now: i64) -> bool {
    asked.gone_at.is_none() && asked.boot_id == boot_id && now - asked.asked_at < FRESH
}

pub fn known(asked: Option<&Asked>, heard: Heard<'_>, now: i64) -> Known {
    let recent = |at: Option<i64>| at.is_some_and(|at| now - at < SILENT);
    let plain = Known {
        power: if recent(heard.at) { Power::On } else { Power::Unknown },
        agent: recent(heard.agent_at) && heard.home.is_some(),
        on_wire_at: heard.at,
    };
    let Some(asked) = asked.filter(|asked| asked.boot_id == heard.boot_id) else { return plain };
    match (asked.what, asked.gone_at) {
        (ByAgent::Reboot, None) if is_due(asked, heard.boot_id, now) => {
            Known { power: Power::Unknown, on_wire_at: None, ..plain }
        }
        (_, None) => plain,
        (what, Some(gone_at)) => gone(plain, heard, (what, gone_at), now),
    }
}

/// It said goodbye: what is heard after that is another boot's.
fn gone(plain: Known, heard: Heard<'_>, (what, gone_at): (ByAgent, i64), now: i64) -> Known {
    let until = gone_at + going(what, heard.home);
    if heard.at.is_some_and(|at| at > until) {
        return Known { agent: false, ..plain };
    }
    let power = match what {
        ByAgent::PowerOff if now > until => Power::Off,
        ByAgent::PowerOff | ByAgent::Reboot => Power::Unknown,
    };
    Known { power, agent: false, on_wire_at: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(what: ByAgent, gone_at: Option<i64>) -> Asked {
        Asked {
            what,
            boot_id: "b1".into(),
            asked_at: 1000 * SECOND,
            gone_at: gone_at.map(|second| second * SECOND),
        }
    }

    fn heard(second: i64, boot_id: &str) -> Heard<'_> {
        let at = Some(second * SECOND);
        Heard { at, agent_at: at, home: Some(Home::Disk), boot_id }
    }

    fn power(asked: &Asked, heard: Heard<'_>, second: i64) -> (Power, bool) {
        let known = known(Some(asked), heard, second * SECOND);
        (known.power, known.agent)
    }

    #[test]
    fn who_speaks_is_on_and_of_the_silent_nobody_knows() {
        let one = |heard, second: i64| known(None, heard, second * SECOND);
        assert_eq!(
            (one(heard(1000, "b1"), 1100).power, one(heard(1000, "b1"), 1100).agent),
            (Power::On, true)
        );
        let silent = one(heard(1000, "b1"), 1181);
        assert_eq!(
            (silent.power, silent.agent, silent.on_wire_at),
            (Power::Unknown, false, Some(1000 * SECOND))
        );
        let firmware = Heard { home: None, ..heard(1000, "") };
        assert_eq!((one(firmware, 1001).power, one(firmware, 1001).agent), (Power::On, false));
        // It is in POST: its agent was heard before that, and cannot be asked.
        let again = Heard { agent_at: Some(700 * SECOND), ..heard(1000, "b1") };
        assert_eq!((one(again, 1001).power, one(again, 1001).agent), (Power::On, false));
        let never = Heard { at: None, agent_at: None, home: None, boot_id: "" };
        assert_eq!(one(never, 1001).power, Power::Unknown);
    }

    #[test]
    fn it_is_off_once_it_said_goodbye_and_had_time_to_go() {
        let open = asked(ByAgent::PowerOff, None);
        assert_eq!(power(&open, heard(1001, "b1"), 1002), (Power::On, true), "it has not collected it yet");
        let gone = asked(ByAgent::PowerOff, Some(1010));
        assert_eq!(power(&gone, heard(1005, "b1"), 1011), (Power::Unknown, false));
        assert_eq!(power(&gone, heard(1005, "b1"), 1190), (Power::Unknown, false), "containers end slowly");
        assert_eq!(power(&gone, heard(1005, "b1"), 1191), (Power::Off, false));
        assert_eq!(power(&gone, heard(1005, "b1"), 9999), (Power::Off, false), "it stays what it is");
        // Its network is given up while it goes down.
        assert_eq!(power(&gone, heard(1100, "b1"), 1191), (Power::Off, false));
        let ram = Heard { home: Some(Home::Ram), ..heard(1005, "b1") };
        assert_eq!(power(&gone, ram, 1026), (Power::Off, false), "the kernel goes at once");
    }

    #[test]
    fn what_is_heard_after_the_goodbye_is_another_boot() {
        let gone = asked(ByAgent::PowerOff, Some(1010));
        assert_eq!(power(&gone, heard(1300, "b1"), 1301), (Power::On, false), "its firmware asks");
        assert_eq!(power(&gone, heard(1300, "b1"), 1600), (Power::Unknown, false));
        assert_eq!(power(&gone, heard(1020, "b2"), 1021), (Power::On, true), "its next agent speaks");
    }

    #[test]
    fn a_reboot_is_over_at_the_first_word_of_the_next_boot() {
        let open = asked(ByAgent::Reboot, None);
        let before = known(Some(&open), heard(1001, "b1"), 1002 * SECOND);
        assert_eq!((before.power, before.agent, before.on_wire_at), (Power::Unknown, true, None));
        let gone = asked(ByAgent::Reboot, Some(1003));
        let going = known(Some(&gone), heard(1002, "b1"), 1100 * SECOND);
        assert_eq!((going.power, going.agent, going.on_wire_at), (Power::Unknown, false, None));
        let back = known(Some(&gone), heard(1060, "b1"), 1061 * SECOND);
        assert_eq!((back.power, back.on_wire_at), (Power::On, Some(1060 * SECOND)));
        let new = known(Some(&gone), heard(1010, "b2"), 1061 * SECOND);
        assert_eq!((new.power, new.agent, new.on_wire_at), (Power::On, true, Some(1010 * SECOND)));
    }

    #[test]
    fn nobody_is_told_twice_late_or_in_the_name_of_another_boot() {
        let open = asked(ByAgent::Reboot, None);
        assert!(is_due(&open, "b1", 1001 * SECOND));
        assert!(!is_due(&open, "b2", 1001 * SECOND));
        assert!(!is_due(&open, "b1", 1000 * SECOND + FRESH));
        assert!(!is_due(&asked(ByAgent::Reboot, Some(1001)), "b1", 1001 * SECOND));
        // One that was never collected is as if nobody had asked.
        let stale = known(Some(&open), heard(1400, "b1"), 1401 * SECOND);
        assert_eq!((stale.power, stale.agent), (Power::On, true));
    }
}
