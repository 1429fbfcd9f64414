//! Users and their tokens: `/api/v1/users`. A token is told once, to whoever made it.

use api::routes::operator as routes;
use api::user::{Issued, NewUser, User};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get};
use axum::{Extension, Json, Router};
use serde_json::json;

use crate::app::App;
use crate::clock;
use crate::http::audit::After;
use crate::http::boot::{hash, secret};
use crate::http::error::Failure;
use crate::store::NewToken;

const DAY: i64 = 24 * 3_600_000_000;
/// Those that write history by themselves.
const TAKEN: [&str; 2] = ["agent", "server"];

pub fn routes() -> Router<App> {
    let user = format!("{}/{{name}}", routes::USERS);
    Router::new().route(routes::USERS, get(list).post(add)).route(&user, delete(revoke))
}

async fn list(State(app): State<App>) -> Result<Json<Vec<User>>, Failure> {
    Ok(Json(app.store.users(clock::now()).await?))
}

async fn add(
    State(app): State<App>,
    Json(new): Json<NewUser>,
) -> Result<(Extension<After>, Json<Issued>), Failure> {
    let NewUser { name, role, days } = new;
    let refuse =
        |error: String, hint: &str| Failure::with_hint(StatusCode::UNPROCESSABLE_ENTITY, error, hint);
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._@".contains(c);
    if name.is_empty() || name.len() > 63 || !name.chars().all(fits) || TAKEN.contains(&name.as_str()) {
        let hint = "letters, digits, `-`, `.`, `_` and `@`, at most 63; `agent` and `server` are taken";
        return Err(refuse(format!("`{name}` cannot be a user's name"), hint));
    }
    if days == Some(0) {
        return Err(refuse("a token of no days".into(), "leave the days out for one that does not end"));
    }
    let now = clock::now();
    let expires = days.map(|days| now + i64::from(days) * DAY);
    let token = secret()?;
    let row = NewToken { hash: hash(&token), name: name.clone(), role, kind: "token", expires };
    if !app.store.user_add(row, now).await? {
        let hint = format!("`metalctl user revoke {name}` ends the token that is there");
        return Err(Failure::with_hint(StatusCode::CONFLICT, format!("there is a user `{name}`"), hint));
    }
    let after = After(json!({"name": name, "role": role, "expires": expires}));
    let user = User { name, role, created: now, expires };
    Ok((Extension(after), Json(Issued { user, token })))
}

async fn revoke(State(app): State<App>, Path(name): Path<String>) -> Result<StatusCode, Failure> {
    match app.store.user_revoke(&name).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => {
            let hint = "`metalctl user list` shows all there are";
            Err(Failure::with_hint(StatusCode::NOT_FOUND, format!("no user `{name}`"), hint))
        }
    }
}
