//! Images and profiles, as browsers see them.

use axum::extract::{Form, Path, State};
use axum::response::Html;
use serde::Deserialize;
use web::ShelfImage;

use super::Trouble;
use super::session::Session;
use crate::app::App;
use crate::clock;
use crate::http::operator::{catalogue, profile_views};

pub async fn images(State(app): State<App>, session: Session) -> Result<Html<String>, Trouble> {
    let profiles = profile_views(&app).await?;
    let current = app.images.current();
    let shelf = current.all().map(|manifest| ShelfImage {
        manifest: manifest.clone(),
        users: profiles.iter().filter(|profile| profile.image == manifest.name).cloned().collect(),
    });
    let shelf: Vec<ShelfImage> = shelf.collect();
    let broken: Vec<_> =
        current.broken.iter().map(|broken| (broken.name.clone(), broken.reason.clone())).collect();
    Ok(Html(web::images_page(&shelf, &broken, &session.visitor, clock::now())?))
}

#[derive(Deserialize)]
pub struct Verify {
    csrf: String,
}

/// Reads all files of an image, however long that takes.
pub async fn verify(
    State(app): State<App>,
    session: Session,
    Path(name): Path<String>,
    Form(form): Form<Verify>,
) -> Result<Html<String>, Trouble> {
    session.sent(&form.csrf)?;
    let checks = catalogue::verify_files(&app, name.clone()).await?;
    Ok(Html(web::image_checks_page(&name, &checks, &session.visitor, clock::now())?))
}

pub async fn profiles(State(app): State<App>, session: Session) -> Result<Html<String>, Trouble> {
    let profiles = profile_views(&app).await?;
    Ok(Html(web::profiles_page(&profiles, &session.visitor, clock::now())?))
}

pub async fn profile(
    State(app): State<App>,
    session: Session,
    Path(name): Path<String>,
) -> Result<Html<String>, Trouble> {
    let settings = catalogue::settings_of(&app, name)?;
    Ok(Html(web::profile_page(&settings, &session.visitor, clock::now())?))
}
