//! A machine's power on its own page: what was read, how its BMC does, and the buttons.

use api::bmc::PowerAction;
use api::machine::Machine;
use api::power::{Health, MachinePower, Trouble};
use api::user::Role;
use askama::Template;

use crate::frame::Visitor;
use crate::verb::Verb;
use crate::words::Since;

#[derive(Template)]
#[template(path = "machine_power.html")]
pub struct PowerCard<'a> {
    machine: &'a Machine,
    power: Option<&'a MachinePower>,
    tone: &'static str,
    /// What it can want beside a password, and whether that is set.
    key: Option<(&'static str, &'static str)>,
    read: Option<Since>,
    health_since: Since,
    verbs: Vec<Verb>,
    visitor: &'a Visitor,
}

impl<'a> PowerCard<'a> {
    pub fn of(machine: &'a Machine, visitor: &'a Visitor, now: i64) -> PowerCard<'a> {
        let power = machine.power.as_ref();
        PowerCard {
            machine,
            power,
            tone: power.map_or("quiet", tone),
            key: power
                .and_then(MachinePower::key)
                .map(|(key, set)| (key, if set { "set" } else { "not set" })),
            read: power.and_then(|power| power.read_at).map(|at| Since { at, now }),
            health_since: Since { at: power.map_or(now, |power| power.health_since), now },
            verbs: match visitor.role >= Role::Operator && !machine.hold && !machine.maintenance {
                true => PowerAction::ALL.map(Verb::Power).to_vec(),
                false => Vec::new(),
            },
            visitor,
        }
    }
}

fn tone(power: &MachinePower) -> &'static str {
    match power.health {
        _ if power.trouble != Trouble::None => "bad",
        Health::Healthy => "good",
        Health::Unproven => "quiet",
        Health::Slow => "wait",
        _ => "bad",
    }
}
