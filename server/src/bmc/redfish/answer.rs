//! What a BMC answered, and what that means: done, a fault in our words, or a task to follow. Pure.

use api::bmc::Fault;
use serde_json::Value;

use super::doc;
use crate::bmc::update::Progress;

/// An answer to one request, headers of use among it. The body is null where there was none, or none in JSON.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub location: Option<String>,
    pub etag: Option<String>,
    pub token: Option<String>,
    /// Seconds.
    pub retry_after: Option<u64>,
    pub body: Value,
    /// Why a body that was there could not be read.
    pub garbled: Option<String>,
}

impl Answer {
    pub fn taken(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A condition on the resource's version failed, or was missing (RFC 9110, RFC 6585).
    pub fn condition(&self) -> bool {
        matches!(self.status, 412 | 428)
    }

    /// The ids of its messages, without registry and version: `Base.1.8.SessionLimitExceeded`.
    fn message_ids(&self) -> Vec<&str> {
        let ids = self.messages().into_iter().filter_map(|message| doc::text(message, "MessageId"));
        ids.filter_map(|id| id.rsplit('.').next()).collect()
    }

    fn messages(&self) -> Vec<&Value> {
        let error = self.body.get("error").unwrap_or(&self.body);
        doc::list(error, "@Message.ExtendedInfo")
    }

    /// What it says, in its own words and in bounds.
    pub fn words(&self) -> String {
        let told = self
            .messages()
            .into_iter()
            .find_map(|message| doc::text(message, "Message").or_else(|| doc::text(message, "MessageId")));
        let told = told.or_else(|| doc::text(self.body.get("error")?, "message"));
        told.unwrap_or_default().chars().filter(|c| !c.is_control()).take(300).collect()
    }

    /// Sessions are few, and those that nobody ended last half an hour.
    pub fn no_more_sessions(&self) -> bool {
        // Dell's own word: https://github.com/bb-Ricardo/check_redfish/issues/89
        let full = ["SessionLimitExceeded", "CreateLimitReachedForResource", "RAC0218"];
        self.message_ids().iter().any(|id| full.contains(id))
    }

    /// The fault that an answer is which was not [`Answer::taken`].
    pub fn fault(&self, path: &str) -> Fault {
        let words = self.words();
        let colon = if words.is_empty() { "" } else { ": " };
        let said = format!("{path} answered {}{colon}{words}", self.status);
        let busy =
            ["ServiceTemporarilyUnavailable", "ServiceShuttingDown", "ResourceInStandby", "ResourceInUse"];
        if self.message_ids().iter().any(|id| busy.contains(id)) {
            return Fault::Busy(said);
        }
        match self.status {
            401 => Fault::Refused(said),
            300..400 => Fault::Garbled(format!("{said}, a redirect that leads nowhere")),
            408 | 409 | 412 | 423 | 425 | 428 | 429 | 500..600 if self.status != 501 => {
                let wait = self.retry_after.map(|seconds| format!(" (asks for {seconds} s)"));
                Fault::Busy(said + &wait.unwrap_or_default())
            }
            400..600 => Fault::Unsupported(said),
            _ => Fault::Garbled(said),
        }
    }
}

/// Where to ask for the end of what was only begun (DSP0266, asynchronous operations): the header, or the task in the body.
pub fn monitor(answer: &Answer) -> Option<String> {
    if answer.status != 202 {
        return None;
    }
    let header = answer.location.as_deref().and_then(doc::path);
    header.or_else(|| doc::link(&answer.body, "TaskMonitor")).or_else(|| doc::id(&answer.body))
}

/// What the monitor, or the task itself, says.
pub fn progress(answer: &Answer) -> Progress {
    match answer.status {
        // A monitor is gone once its end was told.
        404 | 410 => return Progress::Done,
        status if status >= 300 => return Progress::Failed(answer.words()),
        _ => {}
    }
    let body = &answer.body;
    let state = doc::text(body, "TaskState");
    let message = doc::list(body, "Messages").iter().rev().find_map(|each| doc::text(each, "Message"));
    let message: String = message.unwrap_or_default().chars().take(300).collect();
    let bad = matches!(doc::text(body, "TaskStatus"), Some("Critical"));
    match state {
        Some("Exception" | "Killed" | "Cancelled") => failed(state, message),
        Some("Completed") if bad => failed(state, message),
        Some("Completed") => Progress::Done,
        None if answer.status != 202 => Progress::Done,
        _ => Progress::Running {
            percent: doc::count(body, "PercentComplete").map(|percent| percent.min(100)),
            state: state.unwrap_or("Running").into(),
            message,
        },
    }
}

/// The same of an update, which takes long: the BMC is busy meanwhile, and restarts. Neither is its end, and a task that is
/// gone then may have ended either way.
pub fn of_update(answer: &Answer, task: &str) -> Result<Progress, Fault> {
    match (answer.status, answer.taken()) {
        (_, true) => Ok(progress(answer)),
        (404 | 410, _) => Err(Fault::Unsupported(format!("it no longer knows {task}"))),
        _ => match answer.fault(task) {
            // What the update itself was answered (DSP0266, asynchronous operations).
            Fault::Unsupported(_) => Ok(progress(answer)),
            fault => Err(fault),
        },
    }
}

fn failed(state: Option<&str>, message: String) -> Progress {
    let state = state.unwrap_or_default();
    Progress::Failed(if message.is_empty() { state.into() } else { format!("{state}: {message}") })
}

/// What to say in `If-Match`, one after the other, until the BMC is content. None is no header.
pub fn conditions(tags: &[String], always: bool) -> Vec<Option<String>> {
    let mut all: Vec<Option<String>> = Vec::new();
    for tag in tags {
        all.push(Some(tag.clone()));
        // `If-Match` compares strongly, so that a weak tag never matches where this is taken by the letter.
        all.extend(tag.strip_prefix("W/").map(|strong| Some(strong.to_string())));
    }
    let any = Some("*".to_string());
    all.extend(if tags.is_empty() && !always { [None, any] } else { [any, None] });
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(status: u16, body: Value) -> Answer {
        Answer { status, body, ..Answer::default() }
    }

    fn error(id: &str) -> Value {
        json!({"error": {"@Message.ExtendedInfo": [{"MessageId": id, "Message": "So it is."}]}})
    }

    #[test]
    fn an_answer_is_a_fault_in_our_words() {
        let kind = |answer: Answer| answer.fault("/x").to_string();
        let of_status = |status| kind(of(status, json!(null)));
        assert_eq!(of_status(401), "refused: /x answered 401");
        assert_eq!(of_status(404), "not supported: /x answered 404");
        assert_eq!(of_status(501), "not supported: /x answered 501");
        assert_eq!(of_status(500), "busy: /x answered 500");
        assert_eq!(of_status(308), "garbled answer: /x answered 308, a redirect that leads nowhere");
        let standby = kind(of(400, error("Base.1.4.ResourceInStandby")));
        assert_eq!(standby, "busy: /x answered 400: So it is.");
        let wait = Answer { retry_after: Some(30), ..of(503, json!(7)) };
        assert_eq!(kind(wait), "busy: /x answered 503 (asks for 30 s)");
        assert!(of(400, error("Base.1.0.SessionLimitExceeded")).no_more_sessions());
        assert!(of(503, error("IDRAC.2.4.RAC0218")).no_more_sessions());
    }

    #[test]
    fn a_task_is_followed_to_its_end() {
        let begun = Answer { location: Some("https://bmc/task/1".into()), ..of(202, json!({})) };
        assert_eq!(monitor(&begun), Some("/task/1".into()));
        assert_eq!(monitor(&of(202, json!({"@odata.id": "/t/2", "TaskState": "New"}))), Some("/t/2".into()));
        assert_eq!(monitor(&of(200, json!({"@odata.id": "/t/2"}))), None);
        let running = progress(&of(200, json!({"TaskState": "Running", "PercentComplete": 40})));
        let expected =
            Progress::Running { percent: Some(40), state: "Running".into(), message: String::new() };
        assert_eq!(running, expected);
        assert_eq!(progress(&of(200, json!({"TaskState": "Completed", "TaskStatus": "OK"}))), Progress::Done);
        let broken = json!({"TaskState": "Exception", "Messages": [{"Message": "wrong image"}]});
        assert_eq!(progress(&of(200, broken)), Progress::Failed("Exception: wrong image".into()));
        assert_eq!(progress(&of(204, json!(null))), Progress::Done);
        assert_eq!(progress(&of(404, json!(null))), Progress::Done);
        assert!(matches!(progress(&of(202, json!("?"))), Progress::Running { percent: None, .. }));
    }

    #[test]
    fn a_bmc_that_is_busy_or_restarts_has_not_failed_to_update() {
        let told = |answer: Answer| of_update(&answer, "/task/1");
        assert!(matches!(told(of(503, json!(null))), Err(Fault::Busy(_))));
        assert!(matches!(told(of(401, json!(null))), Err(Fault::Refused(_))));
        assert!(told(of(404, json!(null))).unwrap_err().to_string().contains("no longer knows /task/1"));
        assert_eq!(told(of(400, error("Base.1.4.General"))), Ok(Progress::Failed("So it is.".into())));
        assert_eq!(told(of(200, json!({"TaskState": "Completed"}))), Ok(Progress::Done));
        assert!(matches!(told(of(202, json!({"TaskState": "Running"}))), Ok(Progress::Running { .. })));
    }

    #[test]
    fn conditions_end_in_what_most_take() {
        let tags = |tags: &[&str], always| {
            let tags: Vec<String> = tags.iter().map(|tag| tag.to_string()).collect();
            let word = |each: &Option<String>| each.clone().unwrap_or("none".into());
            conditions(&tags, always).iter().map(word).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(tags(&[], false), "none *");
        assert_eq!(tags(&[], true), "* none");
        assert_eq!(tags(&["W/\"7\""], false), "W/\"7\" \"7\" * none");
    }
}
