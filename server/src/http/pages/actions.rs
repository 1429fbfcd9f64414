//! The verbs of machines as browsers ask for them: a question that names each machine and what happens to it, the answer,
//! and what became of each.

use api::bmc::PowerAction;
use api::id::{Hostname, Mac, ParseError};
use api::machine::Allowed;
use api::order::Order;
use api::power::PowerOrder;
use api::user::Role;
use axum::extract::{Extension, Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use web::{Answers, Filter, Outcome, Question, Subject, Verb};

use super::rack::{Pairs, listed};
use super::session::Session;
use super::{Trouble, subject};
use crate::app::App;
use crate::clock;
use crate::http::audit::Record;
use crate::http::error::Failure;
use crate::http::guard::Caller;
use crate::http::operator::{identity, inventory, power, submit};
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

/// A verb, of whom it is asked, and what was answered.
struct Asked {
    verb: Verb,
    rows: Vec<Row>,
    alone: bool,
    answers: Answers,
}

impl Asked {
    async fn subjects(&self, app: &App) -> Result<Vec<Subject>, Failure> {
        let mut subjects = Vec::new();
        for row in &self.rows {
            subjects.push(subject::subject(app, row, self.verb, &self.answers).await?);
        }
        Ok(subjects)
    }

    async fn page(
        &self,
        app: &App,
        session: &Session,
        message: Option<&str>,
    ) -> Result<Html<String>, Trouble> {
        let subjects = self.subjects(app).await?;
        self.render(app, session, &subjects, message).await
    }

    async fn render(
        &self,
        app: &App,
        session: &Session,
        subjects: &[Subject],
        message: Option<&str>,
    ) -> Result<Html<String>, Trouble> {
        let profiles: Vec<String> = app.site.profiles.keys().cloned().collect();
        let macs = match (self.verb, self.rows.as_slice()) {
            (Verb::Split, [row]) => subject::ports(app, row, &self.answers).await?,
            _ => Vec::new(),
        };
        let question = Question {
            verb: self.verb,
            subjects,
            alone: self.alone,
            answers: &self.answers,
            profiles: &profiles,
            macs: &macs,
            message,
        };
        Ok(Html(web::question_page(question, &session.visitor, clock::now())?))
    }

    /// The question once more, with what was wrong about the answer; nothing was done.
    async fn again(
        &self,
        app: &App,
        session: &Session,
        subjects: &[Subject],
        message: Option<String>,
    ) -> Result<Response, Trouble> {
        let status = match message {
            Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
            None => StatusCode::OK,
        };
        let page = self.render(app, session, subjects, message.as_deref()).await?;
        Ok((status, page).into_response())
    }

    /// Why nothing is done yet; without words where a person only wants to see what other answers mean.
    fn objection(&self, subjects: &[Subject], caller: &Caller) -> Option<Option<String>> {
        let Asked { verb, answers, .. } = self;
        if answers.again {
            return Some(None);
        }
        // Looked at again on the event itself; here the question stays on the screen.
        if let (true, Err(refusal)) = (answers.erase_foreign, caller.may(Role::Admin)) {
            return Some(Some(refusal.describe().1));
        }
        let meant: Vec<&Subject> = subjects.iter().filter(|subject| subject.refusal.is_none()).collect();
        if meant.is_empty() && !verb.is_plain() {
            return Some(Some("there is no machine that it could be done to: nothing was done".into()));
        }
        let other = |subject: &&&Subject| {
            verb.erases() && answers.shown.get(&subject.machine.id.0) != Some(&subject.shown)
        };
        if let Some(changed) = meant.iter().find(other) {
            let name = changed.machine.name();
            return Some(Some(format!(
                "of {name} other disks would be erased than you were shown: nothing was done, look at them now"
            )));
        }
        let wanted = match (self.alone, meant.first()) {
            (true, Some(subject)) => subject.machine.name(),
            _ => meant.len().to_string(),
        };
        (verb.is_final() && answers.typed != wanted)
            .then(|| Some(format!("`{}` is not `{wanted}`: nothing was done", answers.typed)))
    }

    /// With an entry of its own in the audit log, as if it were the only one.
    async fn on_record(&self, app: &App, caller: &Caller, row: &Row) -> Result<Result<(), Failure>, Failure> {
        let call = format!("POST /machines/{}/{}", row.id, self.verb.as_str());
        let path = "/machines/{reference}/{verb}";
        let record = Record::begin(app, caller, call, (path, Some(row.id.clone()))).await?;
        let done = self.carry_out(app, caller, row).await;
        let status = done.as_ref().map_or_else(|failure| failure.describe().0, |()| StatusCode::OK);
        record.end(app, status, None).await;
        Ok(done)
    }

    async fn carry_out(&self, app: &App, caller: &Caller, row: &Row) -> Result<(), Failure> {
        let Asked { verb, answers, .. } = self;
        let who = caller.name.as_str();
        match verb {
            Verb::Label => inventory::label_as(app, row, subject::labels(answers)?).await.map(drop),
            Verb::Rename => {
                let hostname: Hostname = answers.hostname.parse().map_err(unfit)?;
                identity::rename_to(app, who, row, &hostname).await.map(drop)
            }
            Verb::Merge => identity::merge_into(app, who, row, &answers.into).await.map(drop),
            Verb::Split => {
                let macs: Result<Vec<Mac>, Failure> =
                    answers.macs.iter().map(|mac| mac.parse().map_err(unfit)).collect();
                let macs = macs?;
                identity::split_off(app, who, row, macs).await.map(drop)
            }
            // Several are switched on one after the other, as the site bears it.
            Verb::Power(action) => {
                let in_order = *action == PowerAction::On && !self.alone;
                let order = PowerOrder { action: *action, in_order, force: false };
                power::carry_out(app, who, &row.id, order).await.map(drop)
            }
            verb => {
                let Answers { erase_foreign, powered_off, force, .. } = *answers;
                let allowed = Allowed { erase_foreign, powered_off, force, unseen: false };
                submit(app, caller, &row.id, (verb.as_str(), allowed, self.order(row))).await.map(drop)
            }
        }
    }

    /// What comes with the verb. The yes is to what this person was shown of this machine.
    fn order(&self, row: &Row) -> Order {
        let Answers { profile, keys, shown, .. } = &self.answers;
        let keys = keys.lines().map(str::trim).filter(|line| !line.is_empty()).map(String::from).collect();
        Order {
            shown: shown.get(&row.id).cloned().unwrap_or_default(),
            profile: Some(profile.clone()).filter(|name| !name.is_empty()),
            keys,
            wipe: subject::wish(&self.answers),
        }
    }
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

fn unfit(error: ParseError) -> Failure {
    Failure::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
}
