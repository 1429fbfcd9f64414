//! What machines fetch while they boot: scripts, kernel and initrd of the RAM agent, its one-time key,
//! images. Plain HTTP: what is secret goes only to the address leased to that MAC, and works once.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use api::agent::{LogLine, LogSource};
use api::id::{Mac, MachineId};
use api::image::FileRole;
use api::routes;
use api::trace::{Hop, HopName};
use axum::Router;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use super::error::Failure;
use super::files;
use crate::app::App;
use crate::boot::plan::{Answer, Known, plan};
use crate::boot::{cpio, script};
use crate::clock;
use crate::lifecycle::want::{Boot, want};
use crate::store::machine::Row;

/// A boot key that nobody used dies after this long.
const KEY_LIFE: i64 = 10 * 60 * 1_000_000;
const KEY_PATH: &str = "etc/metal/boot-key";

pub fn routes() -> Router<App> {
    Router::new()
        .route("/boot/{mac}/boot.ipxe", get(boot_script))
        .route("/boot/{mac}/vmlinuz", get(kernel))
        .route("/boot/{mac}/initrd", get(initrd))
        .route("/boot/{mac}/key", get(key))
        .route("/autoexec.ipxe", get(autoexec))
        .route("/images/{image}/{file}", get(image_file))
        .route(routes::boot::CA, get(ca))
}

/// Decided at each ask from the row alone.
async fn boot_script(
    State(app): State<App>,
    Path(mac): Path<Mac>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let now = clock::now();
    let base = app.http_base(ipv4(peer)?).ok_or_else(|| not_ours(peer))?;
    let https = app.https_base(ipv4(peer)?).ok_or_else(|| not_ours(peer))?;
    let user_agent = headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or("");
    let machine = app.machine_of(mac, "a client that asks for a boot script", now).await?;
    let answer = match &machine {
        Some(row) => answer_for(&app, row).await?,
        None => Answer::OwnDisk(crate::boot::plan::OwnDisk { esp: None, drives: (0x80..0x88).collect() }),
    };
    let profile = machine.as_ref().and_then(|row| app.profile(row));
    let default = default_consoles();
    let facts = script::Facts {
        mac,
        http: &base,
        https: &https,
        ca_sha256: &app.authority.sha256,
        now_s: now / 1_000_000,
        consoles: profile.map_or(&default, |profile| &profile.consoles),
        kernel_arguments: profile.map_or(&[], |profile| &profile.kernel_arguments),
        version: user_agent.strip_prefix("iPXE/"),
    };
    if let Some(row) = &machine {
        trace_script(&app, row, &answer, user_agent, now).await?;
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], script::render(&answer, &facts))
        .into_response())
}

async fn answer_for(app: &App, row: &Row) -> Result<Answer, Failure> {
    let life = row.life()?;
    let installed = app.store.plan(&row.id(), life.installed).await?;
    let known = Known {
        plan: installed.as_ref(),
        disk_boots: row.disk_boots,
        boot_drive: row.boot_drive.and_then(|drive| u8::try_from(drive).ok()),
        agent_ready: app.images.current().ram().is_some(),
    };
    Ok(plan(&life, known))
}

async fn trace_script(
    app: &App,
    row: &Row,
    answer: &Answer,
    user_agent: &str,
    now: i64,
) -> Result<(), Failure> {
    let what = match answer {
        Answer::Agent => "the agent in RAM".to_string(),
        Answer::OwnDisk(_) => "its own disk".to_string(),
        Answer::Hold { why } => format!("hold: {why}"),
    };
    let detail = format!("{user_agent} is told: {what}");
    app.store
        .log_add(&row.id(), vec![LogLine { at: now, source: LogSource::Boot, text: detail.clone() }])
        .await?;
    app.store.hop(&row.id(), Hop { name: HopName::Script, at: now, detail }, true).await?;
    app.store.machine_seen(&row.id(), format!("asked for its boot script and was told: {what}"), now).await?;
    if matches!(answer, Answer::OwnDisk(_)) {
        app.store.disk_boot_counted(&row.id()).await?;
    }
    Ok(())
}

/// The order in which the kernel opens them: the last one is the main one.
fn default_consoles() -> Vec<String> {
    vec!["tty0".into(), "ttyS0,115200n8".into()]
}

async fn kernel(state: State<App>, path: Path<Mac>, request: Request) -> Result<Response, Failure> {
    ram_file(state.0, path.0, FileRole::Kernel, HopName::Kernel, request).await
}

async fn initrd(state: State<App>, path: Path<Mac>, request: Request) -> Result<Response, Failure> {
    ram_file(state.0, path.0, FileRole::Initrd, HopName::Initrd, request).await
}

async fn ram_file(
    app: App,
    mac: Mac,
    role: FileRole,
    name: HopName,
    request: Request,
) -> Result<Response, Failure> {
    let images = app.images.current();
    let ram = images.ram().ok_or_else(|| missing("the RAM image"))?;
    let file = ram.file(role).ok_or_else(|| missing("a file of the RAM image"))?;
    if let Some(row) = app.store.machine_by_mac(mac).await? {
        let hop =
            Hop { name, at: clock::now(), detail: format!("{} of {} {}", file.name, ram.name, ram.version) };
        app.store.hop(&row.id(), hop, true).await?;
    }
    Ok(files::answer(&app.images, &ram.name, &file.name, request.method(), request.headers()))
}

/// The one-time key, rendered only while the RAM agent is wanted, and only to the address leased to that MAC.
async fn key(
    State(app): State<App>,
    Path(mac): Path<Mac>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
) -> Result<Vec<u8>, Failure> {
    let now = clock::now();
    let row = app.store.machine_by_mac(mac).await?.ok_or_else(|| missing("a machine with that address"))?;
    let lease = app.store.lease_by_ip(ipv4(peer)?).await?;
    if lease.and_then(|lease| lease.mac) != Some(mac) {
        tracing::warn!(%peer, %mac, "a boot key was asked for from an address that is not this machine's");
        return Err(Failure::new(StatusCode::FORBIDDEN, "that address is not leased to this machine"));
    }
    if want(&row.life()?).boot != Boot::Agent {
        return Err(Failure::new(StatusCode::CONFLICT, "no RAM agent is wanted on this machine now"));
    }
    let key = new_key(&app, &row.id(), now).await?;
    Ok(cpio::archive(KEY_PATH, key.as_bytes()))
}

async fn new_key(app: &App, machine: &MachineId, now: i64) -> Result<String, Failure> {
    let key = secret()?;
    app.store.boot_key_put(machine, hash(&key), now + KEY_LIFE).await?;
    Ok(key)
}

/// 256 random bits as hex.
pub fn secret() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|_| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the system gives no random numbers"))?;
    Ok(hex::encode(bytes))
}

/// What is kept of a secret.
pub fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.trim()))
}

async fn autoexec(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
) -> Result<String, Failure> {
    let base = app.http_base(ipv4(peer)?).ok_or_else(|| not_ours(peer))?;
    Ok(script::autoexec(&base))
}

async fn image_file(
    State(app): State<App>,
    Path((image, file)): Path<(String, String)>,
    request: Request,
) -> Response {
    files::answer(&app.images, &image, &file, request.method(), request.headers())
}

/// The authority's certificate. Its fingerprint travels another way, and the answer's Date sets dead clocks.
async fn ca(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, "application/x-pem-file")], app.authority.pem.clone()).into_response()
}

fn ipv4(peer: SocketAddr) -> Result<Ipv4Addr, Failure> {
    match peer.ip().to_canonical() {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(_) => Err(not_ours(peer)),
    }
}

fn not_ours(peer: SocketAddr) -> Failure {
    Failure::new(StatusCode::FORBIDDEN, format!("{} is in no [[network]] of the site file", peer.ip()))
}

fn missing(what: &str) -> Failure {
    Failure::new(StatusCode::NOT_FOUND, format!("the server does not have {what}"))
}
