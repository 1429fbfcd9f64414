//! The service as a plain function: requests go in, what the board was told comes out, and no socket is near.

mod bends;
mod changes;
mod faults;
mod sessions;
mod tree;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::User;
use super::super::board::{Action, Boot, Drive, Entry, Identity, Light, Power, Quantity, Sensor, Severity};
use super::super::picture::Picture;
use super::answer::answer;
use super::request::{Body, Reply, Request};
use super::state::{Effect, State, View};
use super::vendor::Vendor;

const PASSWORD: &str = "open sesame";

/// A BMC on a desk: what it is told to do is done at once.
struct Desk {
    vendor: Vendor,
    users: Vec<User>,
    state: State,
    view: View,
    done: Vec<Effect>,
}

impl Desk {
    fn of(vendor: Vendor) -> Desk {
        let users = vec![User { name: "admin".into(), password: PASSWORD.into() }];
        Desk { vendor, users, state: State::default(), view: view(), done: Vec::new() }
    }

    fn plain() -> Desk {
        Desk::of(Vendor::Plain)
    }

    fn send(&mut self, request: &Request) -> Reply {
        let (reply, effects) =
            answer(self.vendor.manners(), &self.users, &mut self.state, &self.view, request);
        for effect in effects {
            match effect {
                Effect::Act(Action::On | Action::Reset | Action::Cycle) => {
                    self.view.board.power = Some(Power::On)
                }
                Effect::Act(Action::Off | Action::Shutdown) => self.view.board.power = Some(Power::Off),
                Effect::Act(Action::Nmi) => {}
                Effect::Boot(boot) => self.view.board.boot = boot,
                Effect::Light(light) => self.view.board.light = light,
                Effect::ClearLog => self.view.board.log.clear(),
            }
            self.done.push(effect);
        }
        reply
    }

    /// With Basic authentication.
    fn ask(&mut self, method: &str, path: &str, body: Value) -> Reply {
        self.send(&request(method, path, &body, &[]))
    }

    fn get(&mut self, path: &str) -> Value {
        let reply = self.ask("GET", path, Value::Null);
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        json_of(&reply)
    }

    fn post(&mut self, path: &str, body: Value) -> Reply {
        self.ask("POST", path, body)
    }

    /// For whatever version is there.
    fn patch(&mut self, path: &str, body: Value) -> Reply {
        self.send(&request("PATCH", path, &body, &[("if-match", "*")]))
    }

    fn path(&self, below: &str) -> String {
        let end = if self.vendor.manners().slashes && !below.is_empty() { "/" } else { "" };
        format!("/redfish/v1/{below}{end}")
    }

    fn system(&self) -> String {
        self.path(&format!("Systems/{}", self.vendor.manners().system))
    }

    fn reset(&mut self, kind: &str) -> Reply {
        let path =
            self.path(&format!("Systems/{}/Actions/ComputerSystem.Reset", self.vendor.manners().system));
        self.post(&path, json!({"ResetType": kind}))
    }
}

fn request(method: &str, path: &str, body: &Value, headers: &[(&str, &str)]) -> Request {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let login = format!("Basic {}", STANDARD.encode(format!("admin:{PASSWORD}")));
    let mut all =
        vec![("authorization".to_string(), login), ("content-type".into(), "application/json".into())];
    all.extend(headers.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    Request { method: method.into(), path: path.into(), query: query.into(), headers: all, body }
}

fn json_of(reply: &Reply) -> Value {
    match &reply.body {
        Body::Json(body) => body.clone(),
        other => panic!("no JSON: {other:?}"),
    }
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers.iter().find(|(each, _)| *each == name).map(|(_, value)| value.as_str())
}

/// The id of the first message, without its registry's version.
fn word(reply: &Reply) -> String {
    let body = json_of(reply);
    let id = body["error"]["@Message.ExtendedInfo"][0]["MessageId"].as_str().unwrap_or_default();
    id.rsplit('.').next().unwrap_or_default().into()
}

fn view() -> View {
    let sensor = |name: &str, kind, value, upper_critical| Sensor {
        name: name.into(),
        kind,
        value: Some(value),
        upper_critical,
    };
    let entry =
        |id, severity, message: &str| Entry { id, at: 1_790_000_000, severity, message: message.into() };
    View {
        board: Picture {
            identity: Identity {
                name: "node01".into(),
                vendor: "Rack".into(),
                product: "Model 7".into(),
                serial: "SN-0007".into(),
                asset: "asset-7".into(),
                uuid: "4c4c4544-0039-4b10-8056-b4c04f503733".into(),
                uefi: true,
                cpus: 2,
                memory_mb: 2048,
                macs: vec!["52:54:00:77:00:01".into(), "52:54:00:77:00:02".into()],
                disks: vec![
                    Drive { serial: "disk-a".into(), bytes: 8 << 30, bus: "SATA".into() },
                    Drive { serial: "disk-b".into(), bytes: 4 << 30, bus: "virtio".into() },
                ],
            },
            power: Some(Power::Off),
            boot: Boot::NONE,
            light: Light::Off,
            sensors: vec![
                sensor("CPU Temp", Quantity::Celsius, 41.5, Some(95.0)),
                sensor("Fan 1", Quantity::Rpm, 4200.0, None),
                sensor("Input", Quantity::Watts, 87.0, None),
                sensor("12V", Quantity::Volts, 12.1, Some(13.2)),
            ],
            log: vec![
                entry(1, Severity::Ok, "Power on"),
                entry(2, Severity::Critical, "CPU Temp is above its limit"),
            ],
        },
        now: 1_800_000_000,
        dice: [7; 24],
        lying: false,
        forgetful: false,
        no_sessions: false,
    }
}
