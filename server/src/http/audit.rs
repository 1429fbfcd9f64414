//! The audit log: an entry for each call that changes something, with its subject before and after; and the route
//! that shows it.

use api::id::MachineId;
use api::label::{Labels, joined};
use api::routes::operator as routes;
use api::user::{AuditEntry, AuditQuery};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::error::Failure;
use super::guard::Caller;
use crate::app::App;
use crate::clock;
use crate::store::{self, Error, Result};

pub fn routes() -> Router<App> {
    Router::new().route(routes::AUDIT, get(list))
}

/// In a response's extensions: what the subject is now, where a handler knows it better than a look at the row.
#[derive(Clone)]
pub struct After(pub Value);

/// An entry that has begun.
pub struct Record {
    id: String,
    subject: Subject,
}

/// What a call is about.
enum Subject {
    Machine(MachineId),
    Cluster(String),
    User(String),
    Image(String),
    Site,
    /// Something else, or nothing of that name.
    Other(String),
}

impl Record {
    /// `path` as the router matched it, and the name in it.
    pub async fn begin(
        app: &App,
        caller: &Caller,
        call: String,
        (path, name): (&str, Option<String>),
    ) -> Result<Record> {
        let subject = subject(app, path, name.unwrap_or_default()).await?;
        let before = look(app, &subject).await?;
        let id = Uuid::now_v7().to_string();
        app.store
            .audit_begin(AuditEntry {
                id: id.clone(),
                at: clock::now(),
                who: caller.name.clone(),
                role: caller.role,
                address: caller.address.to_string(),
                call,
                subject: subject.name(),
                status: None,
                before,
                after: None,
            })
            .await?;
        Ok(Record { id, subject })
    }

    /// The action is done and answered for: an entry that cannot be completed stays without its end.
    pub async fn end(self, app: &App, status: StatusCode, told: Option<After>) {
        let after = match told {
            Some(After(told)) => Ok(Some(told)),
            None => look(app, &self.subject).await,
        };
        let kept = match after {
            Ok(after) => app.store.audit_end(self.id, status.as_u16(), after).await,
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            tracing::error!(%error, "the end of an action is not in the audit log");
        }
    }
}

impl Subject {
    fn name(&self) -> String {
        match self {
            Subject::Machine(id) => id.0.clone(),
            Subject::Cluster(name) | Subject::User(name) | Subject::Image(name) | Subject::Other(name) => {
                name.clone()
            }
            Subject::Site => String::new(),
        }
    }
}

async fn subject(app: &App, path: &str, name: String) -> Result<Subject> {
    if path.contains("/machines/{reference}") {
        return match app.store.machine_find(&name).await {
            Ok(row) => Ok(Subject::Machine(row.id())),
            Err(Error::NoMachine(_) | Error::Ambiguous { .. }) => Ok(Subject::Other(name)),
            Err(error) => Err(error),
        };
    }
    Ok(match path {
        path if path.contains("/clusters/{name}") => Subject::Cluster(name),
        path if path.contains("/users/{name}") => Subject::User(name),
        path if path.starts_with(&routes::image("{name}")) => Subject::Image(name),
        routes::SITE => Subject::Site,
        _ => Subject::Other(name),
    })
}

/// The subject as it is now, as far as operators change it; None when it is not there.
async fn look(app: &App, subject: &Subject) -> Result<Option<Value>> {
    match subject {
        Subject::Machine(id) => match app.store.machine(id).await {
            Ok(row) => {
                let mut life = serde_json::to_value(row.life()?).unwrap_or_default();
                life["profile"] = json!(row.profile);
                life["hostname"] = json!(row.hostname);
                said(app, id, &mut life).await?;
                Ok(Some(life))
            }
            Err(Error::NoMachine(_)) => Ok(None),
            Err(error) => Err(error),
        },
        Subject::Cluster(name) => {
            let row = app.store.cluster(name).await?;
            Ok(row
                .map(|row| json!({"state": row.state, "machine": row.machine, "generation": row.generation})))
        }
        Subject::User(name) => {
            let users = app.store.users(clock::now()).await?;
            let user = users.iter().find(|user| user.name == *name);
            Ok(user.map(|user| json!({"role": user.role, "expires": user.expires})))
        }
        Subject::Image(name) => {
            let images = app.images.current();
            let image = images.all().find(|image| image.name == *name);
            Ok(image.map(|image| json!({"kind": image.kind, "version": image.version})))
        }
        // What is there, not what was read at the start.
        Subject::Site => Ok(match &app.site.path {
            Some(path) => tokio::fs::read(path).await.ok().map(|text| json!({"sha256": digest(&text)})),
            None => None,
        }),
        Subject::Other(_) => Ok(None),
    }
}

/// What operators say of a machine beside its life: its labels, and where the password of its BMC is sent.
async fn said(app: &App, id: &MachineId, life: &mut Value) -> Result<()> {
    let labels = app.store.labels_of(std::slice::from_ref(&id.0)).await?;
    let labels: Labels = labels.into_iter().map(|(_, key, value)| (key, value)).collect();
    life["labels"] = json!(joined(&labels));
    if let Some(bmc) = app.store.bmc(id).await? {
        life["bmc"] = json!(format!("{} {}", bmc.driver, bmc.address));
        life["bmc_credentials"] = json!(bmc.credentials);
        life["bmc_user"] = json!(bmc.username);
        life["bmc_certificate"] = json!(bmc.certificate);
        // Sealed with a nonce, each is another text: its digest says that it was changed, and nothing else.
        for (name, sealed) in
            [("bmc_password", bmc.password), ("bmc_key", bmc.bmc_key), ("secure_on", bmc.secure_on)]
        {
            life[name] = json!(sealed.map(|sealed| format!("sealed {}", &digest(sealed.as_bytes())[..8])));
        }
    }
    Ok(())
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// `subject` may be any reference to a machine.
async fn list(
    State(app): State<App>,
    Query(mut query): Query<AuditQuery>,
) -> std::result::Result<Json<Vec<AuditEntry>>, Failure> {
    resolve(&app, &mut query).await?;
    Ok(Json(app.store.audit(&query).await?))
}

/// A machine that is asked for by any reference is the subject by its id.
pub async fn resolve(app: &App, query: &mut AuditQuery) -> Result<()> {
    let Some(reference) = &query.subject else { return Ok(()) };
    match app.store.machine_find(reference).await {
        Ok(row) => query.subject = Some(row.id),
        // The log outlives machines, and not every subject is one.
        Err(store::Error::NoMachine(_)) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}
