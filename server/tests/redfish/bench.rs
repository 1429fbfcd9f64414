//! A BMC in memory that serves a vendor's tree, does what it is told, and misbehaves on demand.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use reqwest::Url;
use serde_json::{Value, json};
use server::bmc::access::Password;
use server::bmc::redfish::{Identity, Login, Pace, Redfish};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::trees::{Documents, documents};

pub const PASSWORD: &str = "s3cret-and-nowhere-else";

/// How it answers a request instead of as it should; the number counts down.
#[derive(Clone, Debug)]
pub enum Trouble {
    Status(u16, &'static str),
    /// A header of the answer, with its status.
    Header(u16, &'static str, String),
    Body(Arc<Vec<u8>>),
    Silence,
}

/// What it does not do as it is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manners {
    pub no_sessions: bool,
    pub sessions_full: bool,
    /// Takes an override, and shows none.
    pub ignores_boot: bool,
    /// Shows `Continuous` where `Once` was written.
    pub keeps_boot: bool,
    /// Changes without `If-Match` are refused with 428, with a wrong one with 412.
    pub wants_match: bool,
    /// The version changes with each look.
    pub restless: bool,
    /// No reset but `On` and `ForceOff`.
    pub few_resets: bool,
    /// Takes an image, and shows an empty drive.
    pub ignores_media: bool,
    /// Changes are begun, and end in a task.
    pub tasks: Option<&'static str>,
}

#[derive(Default)]
pub struct Inside {
    pub documents: Documents,
    pub manners: Manners,
    pub troubles: BTreeMap<String, (usize, Trouble)>,
    /// `METHOD path body`, in order.
    pub asked: Vec<String>,
    pub tokens: Vec<String>,
    pub logins: usize,
    /// States of the task that was begun, the next one first.
    pub task: Vec<Value>,
    pub version: u64,
}

pub struct Bmc {
    pub url: Url,
    pub inside: Arc<Mutex<Inside>>,
    server: JoinHandle<()>,
}

impl Drop for Bmc {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Bmc {
    pub async fn of(vendor: &str) -> Bmc {
        Bmc::with(documents(vendor), Manners::default()).await
    }

    pub async fn with(documents: Documents, manners: Manners) -> Bmc {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let inside = Arc::new(Mutex::new(Inside { documents, manners, ..Inside::default() }));
        let router = router(inside.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Bmc { url, inside, server }
    }

    pub fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }

    pub fn driver(&self) -> Redfish {
        self.driver_of(PASSWORD)
    }

    pub fn driver_of(&self, password: &str) -> Redfish {
        Redfish::new(self.url.clone(), login(password), Identity::default(), None, pace()).unwrap()
    }

    /// The next so many requests of `METHOD path` are answered like this.
    pub fn trouble(&self, what: &str, times: usize, trouble: Trouble) {
        self.lock().troubles.insert(what.into(), (times, trouble));
    }

    pub fn asked(&self, start: &str) -> Vec<String> {
        self.lock().asked.iter().filter(|each| each.starts_with(start)).cloned().collect()
    }
}

pub fn login(password: &str) -> Login {
    Login { user: "metald".into(), password: Password::new(password) }
}

pub fn pace() -> Pace {
    let short = Duration::from_millis(1);
    // Long enough for a busy machine, since only what hangs waits for it.
    Pace { answer: Duration::from_secs(20), look: short, task: Duration::from_secs(20), ..Pace::default() }
}

pub fn router(inside: Arc<Mutex<Inside>>) -> Router {
    Router::new().fallback(serve).with_state(inside)
}

async fn serve(State(inside): State<Arc<Mutex<Inside>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let path = parts.uri.path_and_query().map_or("/".into(), |path| path.to_string());
    let trouble = {
        let mut inside = inside.lock().unwrap();
        inside.asked.push(format!("{} {path} {}", parts.method, String::from_utf8_lossy(&body)));
        inside.trouble(&format!("{} {path}", parts.method))
    };
    match trouble {
        Some(Trouble::Silence) => std::future::pending().await,
        Some(Trouble::Status(status, text)) => plain(status, text.into()),
        Some(Trouble::Header(status, name, value)) => {
            Response::builder().status(status).header(name, value).body(Body::empty()).unwrap()
        }
        Some(Trouble::Body(bytes)) => plain(200, bytes.to_vec().into()),
        None => {
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            inside.lock().unwrap().answer(&parts.method, &path, &parts.headers, &body)
        }
    }
}

fn plain(status: u16, body: Body) -> Response {
    Response::builder().status(status).header(header::CONTENT_TYPE, "application/json").body(body).unwrap()
}

fn told(status: u16, body: Value) -> Response {
    plain(status, body.to_string().into())
}

fn refused(status: u16, id: &str) -> Response {
    let info = json!([{"MessageId": format!("Base.1.8.{id}"), "Message": format!("It is {id}.")}]);
    told(status, json!({"error": {"code": "Base.1.8.GeneralError", "@Message.ExtendedInfo": info}}))
}

const SESSIONS: &str = "/redfish/v1/SessionService/Sessions";
const TASK: &str = "/redfish/v1/TaskService/Tasks/1";

impl Inside {
    fn trouble(&mut self, what: &str) -> Option<Trouble> {
        let (left, trouble) = self.troubles.get_mut(what)?;
        *left = left.checked_sub(1)?;
        Some(trouble.clone())
    }

    fn answer(&mut self, method: &Method, path: &str, headers: &HeaderMap, body: &Value) -> Response {
        if path.trim_end_matches('/') == SESSIONS && method == Method::POST {
            return self.log_in(body);
        }
        if path != "/redfish/v1/" && !self.knows(headers) {
            return refused(401, "NoValidSession");
        }
        match *method {
            Method::GET if path == TASK => self.task(),
            Method::GET => self.document(path),
            Method::PATCH => self.change(path, headers, body),
            Method::DELETE => {
                self.tokens.clear();
                told(204, json!(null))
            }
            _ => self.act(path, body),
        }
    }

    fn log_in(&mut self, body: &Value) -> Response {
        if self.manners.no_sessions {
            return refused(404, "ResourceMissingAtURI");
        }
        self.logins += 1;
        if self.manners.sessions_full {
            return refused(503, "SessionLimitExceeded");
        }
        if body["Password"] != PASSWORD || body["UserName"] != "metald" {
            return refused(401, "ResourceAtUriUnauthorized");
        }
        let token = format!("token-{}", self.logins);
        self.tokens.push(token.clone());
        let location = format!("https://bmc.example{SESSIONS}/{}", self.logins);
        let answer =
            Response::builder().status(201).header("x-auth-token", token).header("location", location);
        answer.body(Body::from(json!({"Id": "1"}).to_string())).unwrap()
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        text("x-auth-token").is_some_and(|token| self.tokens.iter().any(|known| known == token))
            || text("authorization").is_some_and(|given| given == BASIC)
    }

    fn document(&mut self, path: &str) -> Response {
        let etag = self.etag();
        if self.manners.restless {
            self.version += 1;
        }
        match self.documents.get(path) {
            Some(document) => {
                let answer = Response::builder().status(200).header(header::ETAG, etag);
                answer.body(Body::from(document.to_string())).unwrap()
            }
            None => refused(404, "ResourceMissingAtURI"),
        }
    }

    fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }

    fn change(&mut self, path: &str, headers: &HeaderMap, body: &Value) -> Response {
        let condition = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok());
        match condition {
            None if self.manners.wants_match => return refused(428, "PreconditionRequired"),
            Some(condition) if condition != "*" && condition != self.etag() => {
                return refused(412, "PreconditionFailed");
            }
            _ => {}
        }
        self.version += 1;
        let ignored = self.manners.ignores_boot;
        let keeps = self.manners.keeps_boot;
        let Some(document) = self.documents.get_mut(path) else {
            return refused(404, "ResourceMissingAtURI");
        };
        for (field, value) in body.as_object().into_iter().flatten() {
            match value {
                Value::Object(inner) if !ignored => {
                    for (key, value) in inner {
                        document[field][key] = value.clone();
                    }
                    if keeps && document[field]["BootSourceOverrideEnabled"] == "Once" {
                        document[field]["BootSourceOverrideEnabled"] = json!("Continuous");
                    }
                }
                Value::Object(_) => {}
                value => document[field] = value.clone(),
            }
        }
        self.begun(204)
    }

    fn act(&mut self, path: &str, body: &Value) -> Response {
        let kind = body["ResetType"].as_str().unwrap_or_default();
        if path.contains("ComputerSystem.Reset") {
            let on = match kind {
                "ForceOff" | "GracefulShutdown" => "Off",
                "On" | "ForceOn" | "PowerCycle" | "ForceRestart" => "On",
                _ => return refused(400, "ActionParameterNotSupported"),
            };
            if self.manners.few_resets && !matches!(kind, "On" | "ForceOff") {
                return refused(400, "ActionParameterValueNotInList");
            }
            let systems = self.documents.values_mut().filter(|document| document.get("PowerState").is_some());
            systems
                .filter(|document| document.get("Boot").is_some())
                .for_each(|s| s["PowerState"] = json!(on));
            return self.begun(204);
        }
        if let Some((slot, action)) = path.split_once("/Actions/VirtualMedia.") {
            let drive = [slot.to_string(), format!("{slot}/")];
            let drive = drive.iter().find(|drive| self.documents.contains_key(*drive)).unwrap().clone();
            let image = if action.starts_with("InsertMedia") { body["Image"].clone() } else { Value::Null };
            if !self.manners.ignores_media {
                let drive = self.documents.get_mut(&drive).unwrap();
                (drive["Inserted"], drive["Image"]) = (json!(!image.is_null()), image);
            }
            return self.begun(204);
        }
        if path.contains("/Actions/") {
            return self.begun(204);
        }
        refused(404, "ResourceMissingAtURI")
    }

    /// Done, or begun.
    fn begun(&mut self, done: u16) -> Response {
        match self.manners.tasks {
            None => Response::builder().status(done).body(Body::empty()).unwrap(),
            Some(end) => {
                let state =
                    |state: &str, percent: u64| json!({"TaskState": state, "PercentComplete": percent});
                self.task = vec![state("New", 0), state("Running", 40), state(end, 100)];
                Response::builder().status(202).header("location", TASK).body(Body::empty()).unwrap()
            }
        }
    }

    fn task(&mut self) -> Response {
        let state = if self.task.len() > 1 { self.task.remove(0) } else { self.task[0].clone() };
        told(StatusCode::OK.as_u16(), state)
    }
}

/// `metald` and [`PASSWORD`] in Base64, as any tool encodes them.
const BASIC: &str = "Basic bWV0YWxkOnMzY3JldC1hbmQtbm93aGVyZS1lbHNl";
