//! Which BMC a machine has, and how it is logged in to: adopted, set, shown and forgotten.

use std::collections::HashMap;

use api::bmc::{DriverKind, secret};
use api::machine::Page;
use api::power::{BmcInUse, BmcSettings, BmcView, FoundBmc, Origin};
use api::routes::operator as routes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};

use super::{Operator, PAGE, Paging};
use crate::app::App;
use crate::bmc::access::{place, set_of};
use crate::bmc::lane::Asker;
use crate::http::error::Failure;
use crate::store::bmc::BmcRow;
use crate::store::machine::Row;

pub fn routes() -> Router<App> {
    let machine = format!("{}/{{reference}}", routes::MACHINES);
    Router::new()
        .route(routes::BMCS, get(list))
        .route(&format!("{machine}/bmc"), get(show).put(set).delete(forget))
        .route(&format!("{machine}/accept-certificate"), post(accept))
}

/// Machines that have one, in use or found; a page may have fewer than asked for.
async fn list(
    State(app): State<App>,
    _: Operator,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<BmcView>>, Failure> {
    let limit = paging.limit.unwrap_or(PAGE).clamp(1, 1000);
    let rows = app.store.machines(&paging.after, limit).await?;
    let full = i64::try_from(rows.len()).unwrap_or(0) == limit;
    let next = rows.last().filter(|_| full).map(|row| row.id.clone());
    Ok(Json(Page { items: views(&app, &rows).await?, next }))
}

async fn views(app: &App, rows: &[Row]) -> Result<Vec<BmcView>, Failure> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(Vec::new()) };
    let bmcs = app.store.bmcs_between(&first.id, &last.id).await?;
    let found: HashMap<String, FoundBmc> =
        app.store.bmcs_found(&first.id, &last.id).await?.into_iter().collect();
    let mut views = Vec::new();
    for machine in app.views(rows).await? {
        let row = bmcs.iter().find(|row| row.machine == machine.id.0);
        let found = found.get(&machine.id.0).cloned();
        let in_use = row.zip(machine.power.clone()).map(|(row, power)| BmcInUse {
            power,
            port: row.port(),
            credentials: row.credentials.clone(),
            user: row.username.clone(),
            certificate: row.certificate.clone(),
            update: app.bmcs.known(&row.machine).and_then(|lane| lane.update()),
        });
        if in_use.is_some() || found.is_some() {
            views.push(BmcView { name: machine.name(), machine: machine.id, in_use, found });
        }
    }
    Ok(views)
}

async fn view(app: &App, row: Row) -> Result<Json<BmcView>, Failure> {
    let name = row.name().to_string();
    let mut views = views(app, &[row]).await?;
    views.pop().map(Json).ok_or_else(|| {
        let error = format!("nobody has found or named a BMC of {name}");
        Failure::with_hint(
            StatusCode::NOT_FOUND,
            error,
            format!("`metalctl bmc set {name} --address ADDRESS`"),
        )
    })
}

async fn show(
    State(app): State<App>,
    _: Operator,
    Path(reference): Path<String>,
) -> Result<Json<BmcView>, Failure> {
    let row = app.store.machine_find(&reference).await?;
    view(&app, row).await
}

async fn set(
    State(app): State<App>,
    _: Operator,
    Path(reference): Path<String>,
    Json(settings): Json<BmcSettings>,
) -> Result<Json<BmcView>, Failure> {
    let row = app.store.machine_find(&reference).await?;
    let known = app.store.bmc(&row.id()).await?;
    let found = app.store.bmcs_found(&row.id, &row.id).await?.pop().map(|(_, found)| found);
    let usual = usual(&app, &row, &settings).await?;
    let changed = settled(&app, &row, (known.clone(), found, usual), settings)?;
    can_log_in(&app, &changed).await?;
    if known.as_ref() != Some(&changed) {
        app.store.bmc_put(changed).await?;
    }
    // Also where nothing changed: whoever says it again wants it tried again.
    app.bmcs.forget(&row.id);
    view(&app, row).await
}

/// How it is spoken to where nobody says: as the set says that it will be logged in to with.
async fn usual(app: &App, row: &Row, settings: &BmcSettings) -> Result<DriverKind, Failure> {
    let facts = app.store.facts(&row.id()).await?;
    let manufacturer = facts.map(|facts| facts.system.manufacturer).unwrap_or_default();
    let set = app.site.bmc_set_for(&manufacturer).filter(|_| settings.user.is_none()).map(|set| set.driver);
    Ok(set.filter(|driver| driver.has_address()).unwrap_or(DriverKind::Redfish))
}

/// What is kept from now on. A new address is another BMC: what the old one presented is pinned no more.
fn settled(
    app: &App,
    row: &Row,
    (known, found, usual): (Option<BmcRow>, Option<FoundBmc>, DriverKind),
    settings: BmcSettings,
) -> Result<BmcRow, Failure> {
    let BmcSettings { driver, address, port, credentials, user, password, bmc_key, secure_on, adopt } =
        settings;
    let refuse =
        |error: String, hint: String| Err(Failure::with_hint(StatusCode::UNPROCESSABLE_ENTITY, error, hint));
    let name = row.name();
    if let Some(missing) = credentials.as_ref().filter(|set| !app.site.bmcs.contains_key(*set)) {
        let names: Vec<&str> = app.site.bmcs.keys().map(String::as_str).collect();
        return refuse(
            format!("there is no `[bmc.{missing}]`"),
            format!("the site file has: {}", names.join(", ")),
        );
    }
    let of_set = credentials.as_ref().and_then(|set| app.site.bmcs.get(set)).map(|set| set.driver);
    let was = known.as_ref().map(BmcRow::driver).transpose()?;
    let driver = driver.or(of_set).or(was).unwrap_or(usual);
    let offered = found.filter(|_| adopt).map(|found| found.address);
    if adopt && offered.is_none() {
        let error = format!("no agent has found a BMC of {name}");
        return refuse(error, format!("`metalctl bmc set {name} --address ADDRESS` names one"));
    }
    let kept = known.as_ref().map(|known| known.address.clone());
    let address = address.or(offered).or(kept).unwrap_or_default();
    if driver.has_address() && address.is_empty() {
        return refuse(format!("nobody knows where the BMC of {name} is"), "`--address ADDRESS`".into());
    }
    let moved = known.as_ref().is_none_or(|known| known.address != address);
    let pinned = known.as_ref().filter(|_| !moved).and_then(|known| known.certificate.clone());
    let own = user.is_some() || password.is_some();
    let before = known.filter(|_| credentials.is_none());
    usable(driver, bmc_key.as_deref(), secure_on.as_deref())?;
    let seal = |what, secret: Option<String>| {
        secret.map(|secret| app.seal.seal(&place(what, &row.id), secret.as_bytes()))
    };
    let sealed = seal("password", password);
    Ok(BmcRow {
        machine: row.id.clone(),
        driver: driver.to_string(),
        address,
        port: port.map(i64::from).or(before.as_ref().and_then(|known| known.port)),
        credentials: credentials
            .or(before.as_ref().filter(|_| !own).and_then(|known| known.credentials.clone())),
        username: user.or(before.as_ref().map(|known| known.username.clone())).unwrap_or_default(),
        password: sealed.or(before.as_ref().and_then(|known| known.password.clone())),
        certificate: pinned,
        origin: if adopt { Origin::Found } else { Origin::Operator }.to_string(),
        bmc_key: seal("bmc_key", bmc_key).or(before.as_ref().and_then(|known| known.bmc_key.clone())),
        secure_on: seal("secure_on", secure_on).or(before.and_then(|known| known.secure_on)),
    })
}

/// A secret that its driver never sends, or could not, is told before it is kept.
fn usable(driver: DriverKind, key: Option<&str>, password: Option<&str>) -> Result<(), Failure> {
    let refuse = |error: &str, hint: &str| Failure::with_hint(StatusCode::UNPROCESSABLE_ENTITY, error, hint);
    if key.is_some() && driver != DriverKind::Ipmi {
        return Err(refuse("a BMC key (Kg) is IPMI's, and this is another driver", "`--driver ipmi`"));
    }
    if password.is_some() && driver != DriverKind::WakeOnLan {
        return Err(refuse(
            "SecureOn is Wake-on-LAN's, and this is another driver",
            "`--driver wake-on-lan`",
        ));
    }
    let wrong = key.and_then(|key| secret::bmc_key(key).err());
    match wrong.or(password.and_then(|password| secret::secure_on(password).err())) {
        Some(wrong) => Err(refuse(&wrong.to_string(), "the file's only line is the secret")),
        None => Ok(()),
    }
}

/// One that nobody can log in to would only be asked in vain.
async fn can_log_in(app: &App, row: &BmcRow) -> Result<(), Failure> {
    let own = row.password.is_some() && !row.username.is_empty();
    if !row.driver()?.has_address() || own {
        return Ok(());
    }
    match set_of(app, row).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) | Err(_) => Err(Failure::with_hint(
            StatusCode::UNPROCESSABLE_ENTITY,
            "nobody knows how to log in to it",
            "`--credentials NAME` of a [bmc.NAME] in the site file, or `--user USER --password-file FILE`",
        )),
    }
}

async fn forget(
    State(app): State<App>,
    _: Operator,
    Path(reference): Path<String>,
) -> Result<StatusCode, Failure> {
    let row = app.store.machine_find(&reference).await?;
    if !app.store.bmc_forget(&row.id()).await? {
        return Err(Failure::new(StatusCode::NOT_FOUND, format!("{} has no BMC that is in use", row.name())));
    }
    app.bmcs.forget(&row.id);
    Ok(StatusCode::NO_CONTENT)
}

/// What it presents next is pinned.
async fn accept(
    State(app): State<App>,
    _: Operator,
    Path(reference): Path<String>,
) -> Result<Json<BmcView>, Failure> {
    let (row, _) = super::power::reach(&app, &reference).await?;
    app.store.bmc_pin(&row.id(), None).await?;
    app.bmcs.forget(&row.id);
    let (row, bmc) = super::power::reach(&app, &row.id).await?;
    if let Err(fault) = app.bmcs.read(&app, &bmc, Asker::Person).await {
        return Err(super::power::faulty(&app, &row, &fault).await);
    }
    view(&app, row).await
}
