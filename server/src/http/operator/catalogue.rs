//! What machines are made of: images and profiles, looked at and changed, and the site file behind them.

use std::collections::BTreeMap;

use api::image::{FileCheck, ImageKind, Manifest};
use api::machine::ProfileSettings;
use api::routes::operator as routes;
use api::site::{SiteApplied, SiteText};
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use futures::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_blocking;

use super::super::error::Failure;
use super::Operator;
use crate::app::App;
use crate::apply;
use crate::config::{Severity, Site, settings};
use crate::images::ShelfError;

pub fn routes() -> Router<App> {
    Router::new()
        .route(&routes::image("{name}"), get(image).delete(delete))
        .route(&routes::image_verb("{name}", "verify"), post(verify))
        .route(&routes::image_verb("{name}", "import"), post(take_in))
        .route(&routes::image_file("{name}", "{file}"), put(bring).layer(DefaultBodyLimit::disable()))
        .route(&routes::profile("{name}"), get(profile))
        .route(routes::SITE, get(site).put(apply_site))
}

async fn image(
    State(app): State<App>,
    _: Operator,
    Path(name): Path<String>,
) -> Result<Json<Manifest>, Failure> {
    let images = app.images.current();
    let found = images.all().find(|manifest| manifest.name == name).cloned();
    found.map(Json).ok_or_else(|| refused(ShelfError::NoImage(name)))
}

async fn verify(
    State(app): State<App>,
    _: Operator,
    Path(name): Path<String>,
) -> Result<Json<Vec<FileCheck>>, Failure> {
    verify_files(&app, name).await.map(Json)
}

pub async fn verify_files(app: &App, name: String) -> Result<Vec<FileCheck>, Failure> {
    let images = app.images.clone();
    blocking(move || images.verify(&name)).await
}

/// One file of an image that is on its way in, as it streams.
async fn bring(
    State(app): State<App>,
    _: Operator,
    Path((name, file)): Path<(String, String)>,
    body: Body,
) -> Result<StatusCode, Failure> {
    let path = app.images.incoming(&name, &file).map_err(refused)?;
    let failed = |error: &dyn std::fmt::Display| {
        let hint = "is there room in the images folder?";
        Failure::with_hint(
            StatusCode::INSUFFICIENT_STORAGE,
            format!("cannot write {}: {error}", path.display()),
            hint,
        )
    };
    let mut written = tokio::fs::File::create(&path).await.map_err(|error| failed(&error))?;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| Failure::new(StatusCode::BAD_REQUEST, error.to_string()))?;
        written.write_all(&piece).await.map_err(|error| failed(&error))?;
    }
    written.sync_all().await.map_err(|error| failed(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn take_in(
    State(app): State<App>,
    _: Operator,
    Path(name): Path<String>,
) -> Result<Json<Manifest>, Failure> {
    let images = app.images.clone();
    blocking(move || images.take_in(&name)).await.map(Json)
}

async fn delete(
    State(app): State<App>,
    _: Operator,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    let users: Vec<&str> =
        app.site.profiles.values().filter(|p| p.image == name).map(|p| p.name.as_str()).collect();
    let kind =
        app.images.current().all().find(|manifest| manifest.name == name).map(|manifest| manifest.kind);
    if matches!(kind, Some(ImageKind::Ram | ImageKind::Loaders)) {
        let message = format!("without `{name}` no machine boots over the network");
        return Err(Failure::with_hint(StatusCode::CONFLICT, message, "import a newer one in its place"));
    }
    if !users.is_empty() {
        let message = format!("`{name}` is the image of profile {}", users.join(", "));
        return Err(Failure::with_hint(
            StatusCode::CONFLICT,
            message,
            "name another image in the site file first",
        ));
    }
    let images = app.images.clone();
    blocking(move || images.remove(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Files of gigabytes are read and removed: no other call waits for that.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ShelfError> + Send + 'static,
) -> Result<T, Failure> {
    let done = spawn_blocking(work).await;
    let done = done.map_err(|error| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    done.map_err(refused)
}

fn refused(error: ShelfError) -> Failure {
    let hint = "`metalctl image list` shows all there are";
    match &error {
        ShelfError::Name(_) => Failure::new(StatusCode::BAD_REQUEST, error.to_string()),
        ShelfError::NoImage(_) => Failure::with_hint(StatusCode::NOT_FOUND, error.to_string(), hint),
        ShelfError::Unfit(_) => Failure::with_hint(
            StatusCode::UNPROCESSABLE_ENTITY,
            error.to_string(),
            "nothing was changed: build the image again, then import it",
        ),
        ShelfError::Io { .. } => Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

async fn profile(
    State(app): State<App>,
    _: Operator,
    Path(name): Path<String>,
) -> Result<Json<ProfileSettings>, Failure> {
    settings_of(&app, name).map(Json)
}

pub fn settings_of(app: &App, name: String) -> Result<ProfileSettings, Failure> {
    let profile = app.site.profiles.get(&name).ok_or_else(|| {
        let hint = "`metalctl profile list` shows all there are";
        Failure::with_hint(StatusCode::NOT_FOUND, format!("there is no profile `{name}`"), hint)
    })?;
    let images = app.images.current();
    let mut all: BTreeMap<String, String> = settings::of(&app.site, profile);
    if let Some(manifest) = images.os(&profile.image) {
        all.insert("image.version".into(), manifest.version.clone());
    }
    Ok(ProfileSettings { name, settings: all })
}

async fn site(State(app): State<App>, _: Operator) -> Json<SiteText> {
    let path = app.site.path.as_ref().map(|path| path.display().to_string());
    Json(SiteText { path, text: app.site.text.clone() })
}

/// Checks a site file and puts it in the place of the one that was read.
async fn apply_site(State(app): State<App>, _: Operator, text: String) -> Result<Json<SiteApplied>, Failure> {
    let new = Site::parse(&text).map_err(|finding| wrong(&[finding.sentence()]))?;
    let findings = new.check();
    let of = |severity| findings.iter().filter(move |f| f.severity == severity).map(|f| f.sentence());
    let errors: Vec<String> = of(Severity::Error).collect();
    if !errors.is_empty() {
        return Err(wrong(&errors));
    }
    let mut warnings: Vec<String> = of(Severity::Warning).collect();
    let Some(path) = app.site.path.clone() else {
        return Err(Failure::new(StatusCode::CONFLICT, "this server did not read its site from a file"));
    };
    // Somebody may have put another one there that the server has not read yet.
    let there = tokio::fs::read_to_string(&path).await.ok();
    let changed = text != app.site.text || there.as_ref() != Some(&text);
    if there.as_ref() != Some(&text) {
        if there.is_some_and(|there| there != app.site.text) {
            let file = path.display();
            warnings.push(format!(
                "{file} had been changed since the server read it: what was there is in {file}.previous"
            ));
        }
        let written = path.clone();
        let done = spawn_blocking(move || apply::replace(&written, &text)).await;
        let done =
            done.map_err(|error| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        done.map_err(|error| {
            let hint = "nothing was changed: under its systemd unit the server writes to its state folder \
                        alone; put the file there as root, and restart it";
            let message = format!("cannot write {}: {error}", path.display());
            Failure::with_hint(StatusCode::INTERNAL_SERVER_ERROR, message, hint)
        })?;
    }
    Ok(Json(SiteApplied { path: path.display().to_string(), changed, warnings }))
}

fn wrong(errors: &[String]) -> Failure {
    let hint = "nothing was changed; `metald check` shows each with its place";
    Failure::with_hint(StatusCode::UNPROCESSABLE_ENTITY, errors.join("\n"), hint)
}
