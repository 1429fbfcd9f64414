//! Actions as a document offers them: where they are posted to, and what they take. Pure.

use api::bmc::{Fault, Power, PowerAction};
use api::mask::mask_address;
use serde_json::{Value, json};

use super::doc;
use super::tree::Tree;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Post,
    Patch,
}

/// One request that changes something, as it will be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub verb: Verb,
    pub path: String,
    pub body: Value,
}

impl Call {
    pub fn post(path: &str, body: Value) -> Call {
        Call { verb: Verb::Post, path: path.into(), body }
    }

    pub fn patch(path: &str, body: Value) -> Call {
        Call { verb: Verb::Patch, path: path.into(), body }
    }

    /// Its body, for a log.
    pub fn shown(&self) -> String {
        let mut body = self.body.clone();
        for key in ["Image", "ImageURI"] {
            if let Some(Value::String(address)) = body.get_mut(key) {
                *address = mask_address(address);
            }
        }
        body.to_string()
    }
}

pub struct Action<'a> {
    pub target: String,
    doc: &'a Value,
}

impl<'a> Action<'a> {
    /// Named without its namespace's version: `#ComputerSystem.Reset`.
    pub fn of(doc: &'a Value, name: &str) -> Option<Action<'a>> {
        let action = doc::at(doc, &["Actions", name])?;
        Some(Action { target: doc::path(doc::text(action, "target")?)?, doc: action })
    }

    /// What a parameter may be; None where the BMC does not say, and one has to try.
    pub fn allowed(&self, tree: &'a Tree, parameter: &str) -> Option<Vec<&'a str>> {
        let listed = doc::texts(self.doc, &format!("{parameter}@Redfish.AllowableValues"));
        if !listed.is_empty() {
            return Some(listed);
        }
        let info = tree.get(&doc::link(self.doc, "@Redfish.ActionInfo")?)?;
        let named = |each: &&Value| doc::text(each, "Name") == Some(parameter);
        let values = doc::texts(doc::list(info, "Parameters").into_iter().find(named)?, "AllowableValues");
        (!values.is_empty()).then_some(values)
    }
}

/// What does a power action, the best first. Where several are here, each is for the case that the BMC does not know
/// the one before.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// It is as wished.
    Nothing,
    Reset(Vec<Call>),
    /// Nothing here switches off and on in one: off, wait for it, on.
    OffThenOn {
        off: Vec<Call>,
        on: Vec<Call>,
    },
}

pub fn reset(tree: &Tree, system: &Value, action: PowerAction) -> Result<Way, Fault> {
    let power = power(system);
    match (action, power) {
        (PowerAction::On, Power::On) | (PowerAction::Shutdown | PowerAction::Off, Power::Off) => {
            return Ok(Way::Nothing);
        }
        _ => {}
    }
    let offered = Action::of(system, "#ComputerSystem.Reset")
        .ok_or_else(|| Fault::Unsupported("its system offers no #ComputerSystem.Reset".into()))?;
    let allowed = offered.allowed(tree, "ResetType");
    let ways = |kinds: &[&'static str]| -> Vec<Call> {
        let fit = kinds.iter().filter(|kind| allowed.as_ref().is_none_or(|all| all.contains(kind)));
        fit.map(|kind| Call::post(&offered.target, json!({"ResetType": kind}))).collect()
    };
    let one = |kinds: &[&'static str]| match ways(kinds) {
        posts if posts.is_empty() => Err(Fault::Unsupported(format!(
            "none of {} is among the resets that it offers: {}",
            kinds.join(", "),
            allowed.as_ref().map(|all| all.join(", ")).unwrap_or_default()
        ))),
        posts => Ok(Way::Reset(posts)),
    };
    match action {
        PowerAction::On if power == Power::Off => one(&[ON, "ForceOn", BUTTON]),
        PowerAction::On => one(&[ON, "ForceOn"]),
        // A press of the button is ACPI's request to the OS. Nothing here ever cuts the power.
        PowerAction::Shutdown if power == Power::On => one(&["GracefulShutdown", BUTTON]),
        PowerAction::Shutdown => one(&["GracefulShutdown"]),
        PowerAction::Off => one(&[OFF]),
        // An emulator's ForceRestart of a machine that is off does nothing, and says that it did.
        PowerAction::Cycle if power == Power::Off => one(&[ON, "ForceOn", BUTTON]),
        PowerAction::Cycle => one(&["PowerCycle", "ForceRestart"]).or_else(|fault| {
            match (ways(&[OFF]), ways(&[ON, "ForceOn", BUTTON])) {
                (off, on) if !off.is_empty() && !on.is_empty() => Ok(Way::OffThenOn { off, on }),
                _ => Err(fault),
            }
        }),
    }
}

const ON: &str = "On";
const OFF: &str = "ForceOff";
const BUTTON: &str = "PushPowerButton";

/// On the way up or down there is power: off is only what is called off.
pub fn power(system: &Value) -> Power {
    match doc::text(system, "PowerState") {
        Some("On" | "PoweringOn" | "PoweringOff" | "Paused") => Power::On,
        Some("Off") => Power::Off,
        _ => Power::Unknown,
    }
}

/// Restarts the manager; older ones take no parameter.
pub fn reset_manager(tree: &Tree, manager: &Value) -> Result<Vec<Call>, Fault> {
    let offered = Action::of(manager, "#Manager.Reset")
        .ok_or_else(|| Fault::Unsupported("its manager offers no #Manager.Reset".into()))?;
    let allowed = offered.allowed(tree, "ResetType");
    let kinds = ["GracefulRestart", "ForceRestart"];
    let fit = kinds.iter().filter(|kind| allowed.as_ref().is_none_or(|all| all.contains(kind)));
    let mut posts: Vec<Call> =
        fit.map(|kind| Call::post(&offered.target, json!({"ResetType": kind}))).collect();
    if allowed.is_none() {
        posts.push(Call::post(&offered.target, json!({})));
    }
    match (posts.is_empty(), allowed) {
        (true, all) => Err(Fault::Unsupported(format!(
            "its manager restarts by none of {}: it offers {}",
            kinds.join(", "),
            all.unwrap_or_default().join(", ")
        ))),
        (false, _) => Ok(posts),
    }
}

/// Lights what helps a hand to find the machine: of the system, or of a chassis that it is in. `LocationIndicatorActive`
/// replaces `IndicatorLED` from ComputerSystem v1.12.0 on.
pub fn identify(docs: &[(&str, &Value)], lit: bool) -> Result<Vec<Call>, Fault> {
    let calls = docs.iter().flat_map(|(path, doc)| {
        let active = doc::flag(doc, "LocationIndicatorActive")
            .map(|_| Call::patch(path, json!({"LocationIndicatorActive": lit})));
        active.into_iter().chain(led(path, doc, lit))
    });
    match calls.collect::<Vec<_>>() {
        none if none.is_empty() => {
            Err(Fault::Unsupported("neither system nor chassis has an indicator".into()))
        }
        calls => Ok(calls),
    }
}

fn led(path: &str, doc: &Value, lit: bool) -> Vec<Call> {
    if doc::text(doc, "IndicatorLED").is_none() {
        return Vec::new();
    }
    let known = doc::texts(doc, "IndicatorLED@Redfish.AllowableValues");
    let words: &[&str] = if lit { &["Blinking", "Lit"] } else { &["Off"] };
    let fit = words.iter().filter(|word| known.is_empty() || known.contains(word));
    fit.map(|word| Call::patch(path, json!({"IndicatorLED": word}))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(power: &str, allowed: Option<&[&str]>) -> Value {
        let mut action = json!({"target": "/reset"});
        if let Some(allowed) = allowed {
            action["ResetType@Redfish.AllowableValues"] = json!(allowed);
        }
        json!({"PowerState": power, "Actions": {"#ComputerSystem.Reset": action}})
    }

    fn kinds(power: &str, allowed: Option<&[&str]>, action: PowerAction) -> String {
        let name = |posts: &[Call]| {
            posts.iter().map(|post| post.body["ResetType"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
        };
        match reset(&Tree::default(), &system(power, allowed), action) {
            Ok(Way::Nothing) => "nothing".into(),
            Ok(Way::Reset(posts)) => name(&posts),
            Ok(Way::OffThenOn { off, on }) => format!("{}, then {}", name(&off), name(&on)),
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn an_action_is_taken_from_what_is_offered() {
        use PowerAction::*;
        let all: &[&str] = &["On", "ForceOff", "GracefulShutdown", "ForceRestart", "PowerCycle", "Nmi"];
        assert_eq!(kinds("Off", Some(all), On), "On");
        assert_eq!(kinds("On", Some(all), On), "nothing");
        assert_eq!(kinds("On", Some(all), Shutdown), "GracefulShutdown");
        assert_eq!(kinds("Off", Some(all), Shutdown), "nothing");
        assert_eq!(kinds("On", Some(all), Off), "ForceOff");
        assert_eq!(kinds("On", Some(all), Cycle), "PowerCycle ForceRestart");
        assert_eq!(kinds("Off", Some(all), Cycle), "On");
        assert_eq!(kinds("On", Some(&["On", "ForceOff"]), Cycle), "ForceOff, then On");
        assert_eq!(kinds("Off", Some(&["PushPowerButton", "ForceOff"]), On), "PushPowerButton");
        assert_eq!(kinds("On", Some(&["PushPowerButton", "ForceOff"]), Shutdown), "PushPowerButton");
        // Nothing is offered by name: each is tried.
        assert_eq!(kinds("On", None, Cycle), "PowerCycle ForceRestart");
    }

    #[test]
    fn a_graceful_wish_never_cuts_the_power() {
        let hard: &[&str] = &["On", "ForceOff", "ForceRestart", "PowerCycle"];
        assert!(kinds("On", Some(hard), PowerAction::Shutdown).starts_with("not supported: none of"));
        // A button on a machine whose power is unknown might switch it on.
        let button: &[&str] = &["PushPowerButton"];
        assert!(kinds("Huh", Some(button), PowerAction::Shutdown).starts_with("not supported"));
        assert!(kinds("Huh", Some(button), PowerAction::On).starts_with("not supported"));
    }

    #[test]
    fn what_is_offered_may_lie_in_another_document() {
        let mut tree = Tree::default();
        let info = json!({"Parameters": [{"Name": "ResetType", "AllowableValues": ["ForceRestart"]}]});
        tree.insert("/info".into(), Ok(info));
        let system = json!({"PowerState": "On", "Actions": {"#ComputerSystem.Reset":
            {"target": "/reset", "@Redfish.ActionInfo": "/info"}}});
        let way = reset(&tree, &system, PowerAction::Cycle).unwrap();
        let post = Call::post("/reset", json!({"ResetType": "ForceRestart"}));
        assert_eq!(way, Way::Reset(vec![post]));
        assert!(reset(&tree, &system, PowerAction::Off).is_err());
    }
}
