//! The verbs of machines as browsers ask for them: from a machine's own page, and from the list for several at once.

use api::id::ParseError;
use axum::extract::{Extension, Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use web::{Answers, Filter, Outcome, Verb};

use super::Trouble;
use super::asked::Asked;
use super::rack::{Pairs, listed};
use super::session::Session;
use crate::app::App;
use crate::clock;
use crate::http::error::Failure;
use crate::http::guard::Caller;
use crate::store::machine::Row;

/// Machines that one answer may be about: a person has to look through them.
const MANY: usize = 500;

type Fields = Form<Vec<(String, String)>>;

/// Asked from a machine's own page.
pub async fn ask_one(
    State(app): State<App>,
    session: Session,
    Path((reference, verb)): Path<(String, String)>,
    Query(pairs): Pairs,
) -> Result<Html<String>, Trouble> {
    let row = app.store.machine_find(&reference).await?;
    let asked = Asked { verb: known(&verb)?, rows: vec![row], alone: true, answers: Answers::read(&pairs) };
    asked.page(&app, &session, None).await
}

/// Asked from the list: of the machines that were ticked there, or of all that its filter means.
pub async fn ask_several(
    State(app): State<App>,
    session: Session,
    Path(verb): Path<String>,
    Query(pairs): Pairs,
) -> Result<Html<String>, Trouble> {
    let (verb, answers) = (common(&verb)?, Answers::read(&pairs));
    let rows = match answers.all {
        true => {
            let filter = Filter::read(&pairs);
            if let Some(problem) = filter.problems.first() {
                return Err(Failure::new(StatusCode::BAD_REQUEST, problem).into());
            }
            let ids = listed(&app, &filter).await?.ids;
            rows(&app, &ids).await?
        }
        false => rows(&app, &answers.machines).await?,
    };
    Asked { verb, rows, alone: false, answers }.page(&app, &session, None).await
}

pub async fn act_on_one(
    State(app): State<App>,
    session: Session,
    Extension(caller): Extension<Caller>,
    Path((reference, verb)): Path<(String, String)>,
    Form(fields): Fields,
) -> Result<Response, Trouble> {
    let (verb, answers) = (known(&verb)?, Answers::read(&fields));
    session.sent(&answers.csrf)?;
    let row = app.store.machine_find(&reference).await?;
    let id = row.id();
    let asked = Asked { verb, rows: vec![row], alone: true, answers };
    let subjects = asked.subjects(&app).await?;
    if let Some(message) = asked.objection(&subjects, &caller) {
        return asked.again(&app, &session, &subjects, message).await;
    }
    match asked.carry_out(&app, &caller, &asked.rows[0]).await {
        // It may be gone, or another machine by now.
        Ok(()) => match app.store.machine_find(&id.0).await {
            Ok(_) => Ok(Redirect::to(&format!("/machines/{id}")).into_response()),
            Err(_) => Ok(Redirect::to("/").into_response()),
        },
        Err(failure) if verb.is_plain() => Err(failure.into()),
        Err(failure) => {
            let (_, error, hint) = failure.describe();
            let message = hint.map_or(error.clone(), |hint| format!("{error}; {hint}"));
            asked.again(&app, &session, &subjects, Some(message)).await
        }
    }
}

pub async fn act_on_several(
    State(app): State<App>,
    session: Session,
    Extension(caller): Extension<Caller>,
    Path(verb): Path<String>,
    Form(fields): Fields,
) -> Result<Response, Trouble> {
    let (verb, answers) = (common(&verb)?, Answers::read(&fields));
    session.sent(&answers.csrf)?;
    let rows = rows(&app, &answers.machines).await?;
    let asked = Asked { verb, rows, alone: false, answers };
    let subjects = asked.subjects(&app).await?;
    if let Some(message) = asked.objection(&subjects, &caller) {
        return asked.again(&app, &session, &subjects, message).await;
    }
    let mut outcomes = Vec::new();
    for row in &asked.rows {
        let before = app.view(&row.id()).await?;
        let done = asked.on_record(&app, &caller, row).await?;
        let machine = app.view(&row.id()).await.unwrap_or(before);
        let done = done.map_err(|failure| {
            let (_, error, hint) = failure.describe();
            (error, hint)
        });
        outcomes.push(Outcome { machine, done });
    }
    Ok(Html(web::outcome_page(verb, &outcomes, &session.visitor, clock::now())?).into_response())
}

/// The rows of these machines, each once.
async fn rows(app: &App, ids: &[String]) -> Result<Vec<Row>, Failure> {
    if ids.len() > MANY {
        let hint = "narrow the list further, or tick the machines that are meant";
        let error =
            format!("{} machines at once are more than a person looks through: at most {MANY}", ids.len());
        return Err(Failure::with_hint(StatusCode::UNPROCESSABLE_ENTITY, error, hint));
    }
    let mut rows = app.store.machines_of(ids).await?;
    rows.sort_by_cached_key(|row| ids.iter().position(|id| *id == row.id));
    if rows.is_empty() {
        let hint = "tick machines in the list, or narrow it to those that are meant";
        return Err(Failure::with_hint(StatusCode::UNPROCESSABLE_ENTITY, "no machine is meant", hint));
    }
    Ok(rows)
}

fn known(verb: &str) -> Result<Verb, Failure> {
    verb.parse().map_err(|error: ParseError| Failure::new(StatusCode::NOT_FOUND, error.to_string()))
}

fn common(verb: &str) -> Result<Verb, Failure> {
    match known(verb)? {
        verb if verb.is_common() => Ok(verb),
        verb => {
            let error = format!("{} is said of one machine at a time", verb.as_str());
            Err(Failure::with_hint(StatusCode::NOT_FOUND, error, "it is on the machine's page"))
        }
    }
}
