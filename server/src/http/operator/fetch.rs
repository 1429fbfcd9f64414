//! What a BMC is told to fetch from an address: an image for its virtual drive, and firmware.

use api::bmc::Fault;
use api::bmc::media::{MediaOrder, VirtualDrive};
use api::bmc::update::{FirmwareUpdate, UpdateOrder};
use api::mask::mask_address;
use api::routes::operator as routes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde_json::json;

use super::Operator;
use super::power::{ask, faulty, reach};
use crate::app::App;
use crate::bmc::lane::{Answer, Request};
use crate::bmc::update;
use crate::clock;
use crate::cluster::interrupt::{self, may_pause};
use crate::http::audit::After;
use crate::http::error::Failure;
use crate::lifecycle::want::hands_off;
use crate::store::machine::Row;

pub fn routes() -> Router<App> {
    let machine = format!("{}/{{reference}}", routes::MACHINES);
    Router::new()
        .route(&format!("{machine}/bmc-media"), get(media).post(insert).delete(eject))
        .route(&format!("{machine}/bmc-update"), post(write))
}

async fn media(
    State(app): State<App>,
    _: Operator,
    Path(reference): Path<String>,
) -> Result<Json<Vec<VirtualDrive>>, Failure> {
    drives(&app, &reference).await.map(Json)
}

async fn drives(app: &App, reference: &str) -> Result<Vec<VirtualDrive>, Failure> {
    match ask(app, reference, Request::Media).await? {
        Answer::Media(drives) => Ok(drives),
        _ => Ok(Vec::new()),
    }
}

async fn insert(
    State(app): State<App>,
    Operator(who): Operator,
    Path(reference): Path<String>,
    Json(order): Json<MediaOrder>,
) -> Result<(Extension<After>, Json<Vec<VirtualDrive>>), Failure> {
    let (row, _) = reach(&app, &reference).await?;
    not_held(&row)?;
    let shown = mask_address(&order.image);
    ask(&app, &row.id, Request::InsertMedia(order.image.into())).await?;
    let said = format!("{who} had {shown} put into its BMC's virtual drive");
    app.store.remark(&row.id(), MEDIA, said, clock::now()).await?;
    Ok((Extension(After(json!({ "media": shown }))), Json(drives(&app, &row.id).await?)))
}

async fn eject(
    State(app): State<App>,
    Operator(who): Operator,
    Path(reference): Path<String>,
) -> Result<(Extension<After>, StatusCode), Failure> {
    let (row, _) = reach(&app, &reference).await?;
    ask(&app, &row.id, Request::EjectMedia).await?;
    let said = format!("{who} had its BMC's virtual drive emptied");
    app.store.remark(&row.id(), MEDIA, said, clock::now()).await?;
    Ok((Extension(After(json!({ "media": null }))), StatusCode::NO_CONTENT))
}

/// Answers once it has begun: it takes minutes, and the BMC's view says how far it is.
async fn write(
    State(app): State<App>,
    Operator(who): Operator,
    Path(reference): Path<String>,
    Json(order): Json<UpdateOrder>,
) -> Result<(Extension<After>, Json<FirmwareUpdate>), Failure> {
    let (row, bmc) = reach(&app, &reference).await?;
    not_held(&row)?;
    let turn = interrupt::turn(&app, &row).await?;
    // Many restart the machine by themselves, at the end or for the BIOS.
    if !order.force {
        may_pause(&app, &row).await?;
    }
    let who = if order.force { format!("{who} --force") } else { who };
    let image = (order.image.as_str().into(), mask_address(&order.image));
    let (context, bmcs) = (app.clone(), app.bmcs.clone());
    // What has begun is followed, also where whoever asked has hung up.
    let begun = tokio::spawn(async move {
        let _turn = turn;
        update::begin(&context, &bmcs, &bmc, image, (who, update::LOOK)).await
    });
    match begun.await.unwrap_or_else(|error| Err(Fault::Garbled(error.to_string()))) {
        Ok(update) => Ok((Extension(After(json!(update))), Json(update))),
        Err(fault) => Err(faulty(&app, &row, &fault).await),
    }
}

/// In a machine's history.
const MEDIA: &str = "bmc_media";

fn not_held(row: &Row) -> Result<(), Failure> {
    if !hands_off(&row.life()?) {
        return Ok(());
    }
    let error = format!("{} is on hold: hands may be in its chassis", row.name());
    let hint = format!("`metalctl machine release {}` ends that", row.name());
    Err(Failure::with_hint(StatusCode::CONFLICT, error, hint))
}
