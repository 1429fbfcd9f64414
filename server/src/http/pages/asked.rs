//! A verb and its answer: the question that names each machine and what happens to it, why nothing is done yet, and the
//! doing, with an entry in the audit log for each.

use api::bmc::PowerAction;
use api::id::{Hostname, Mac, ParseError};
use api::machine::Allowed;
use api::order::Order;
use api::power::PowerOrder;
use api::user::Role;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use web::{Answers, Question, Subject, Verb};

use super::session::Session;
use super::{Trouble, subject};
use crate::app::App;
use crate::clock;
use crate::http::audit::Record;
use crate::http::error::Failure;
use crate::http::guard::Caller;
use crate::http::operator::{identity, inventory, power, submit};
use crate::store::machine::Row;

/// A verb, of whom it is asked, and what was answered.
pub struct Asked {
    pub verb: Verb,
    pub rows: Vec<Row>,
    /// From the machine's own page.
    pub alone: bool,
    pub answers: Answers,
}

impl Asked {
    pub async fn subjects(&self, app: &App) -> Result<Vec<Subject>, Failure> {
        let mut subjects = Vec::new();
        for row in &self.rows {
            subjects.push(subject::subject(app, row, self.verb, &self.answers).await?);
        }
        Ok(subjects)
    }

    pub async fn page(
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
    pub async fn again(
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
    pub fn objection(&self, subjects: &[Subject], caller: &Caller) -> Option<Option<String>> {
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
    pub async fn on_record(
        &self,
        app: &App,
        caller: &Caller,
        row: &Row,
    ) -> Result<Result<(), Failure>, Failure> {
        let call = format!("POST /machines/{}/{}", row.id, self.verb.as_str());
        let path = "/machines/{reference}/{verb}";
        let record = Record::begin(app, caller, call, (path, Some(row.id.clone()))).await?;
        let done = self.carry_out(app, caller, row).await;
        let status = done.as_ref().map_or_else(|failure| failure.describe().0, |()| StatusCode::OK);
        record.end(app, status, None).await;
        Ok(done)
    }

    pub async fn carry_out(&self, app: &App, caller: &Caller, row: &Row) -> Result<(), Failure> {
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

fn unfit(error: ParseError) -> Failure {
    Failure::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
}
