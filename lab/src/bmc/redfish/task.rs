//! Tasks (DSP0266, asynchronous operations): what a BMC only begins. A task goes on by being looked at, not by a clock,
//! so that whoever follows it sees each of its states. Pure.

use serde_json::{Value, json};

use super::document::stamp;
use super::message::{self, Message};
use super::request::Reply;

#[derive(Debug, Default)]
pub struct Tasks {
    all: Vec<Task>,
    begun: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    pub id: String,
    name: &'static str,
    began: u64,
    looks: u32,
    /// What ends it badly, told at its end.
    trouble: Option<Message>,
    /// What the BMC's firmware is afterwards.
    version: Option<String>,
    /// Its monitor is gone once its end was told there.
    told: bool,
}

/// Looks until a task has ended.
const LOOKS: u32 = 3;
/// A BMC keeps the last ones.
const KEPT: usize = 20;

impl Tasks {
    /// Begins one, and says so.
    pub fn begin(
        &mut self,
        name: &'static str,
        now: u64,
        trouble: Option<Message>,
        version: Option<String>,
    ) -> Reply {
        self.begun += 1;
        let id = self.begun.to_string();
        let task = Task { id, name, began: now, looks: 0, trouble, version, told: false };
        let reply = Reply::json(202, task.document()).with("location", task.monitor());
        self.all.push(task);
        if self.all.len() > KEPT {
            self.all.remove(0);
        }
        reply
    }

    pub fn all(&self) -> &[Task] {
        &self.all
    }

    pub fn get(&self, id: &str) -> Option<&Task> {
        self.all.iter().find(|task| task.id == id)
    }

    /// A look at a task, or at its monitor. Gives the firmware's version at the look that ends an update.
    pub fn look(&mut self, id: &str) -> Option<String> {
        let task = self.all.iter_mut().find(|task| task.id == id)?;
        task.looks = (task.looks + 1).min(LOOKS);
        if task.ended() && task.trouble.is_none() { task.version.take() } else { None }
    }

    /// The monitor's answer: 202 until the task has ended, then once what the operation itself would have answered.
    pub fn monitor(&mut self, id: &str) -> Option<Reply> {
        let task = self.all.iter_mut().find(|task| task.id == id && !task.told)?;
        if !task.ended() {
            return Some(Reply::json(202, task.document()).with("location", task.monitor()));
        }
        task.told = true;
        Some(match &task.trouble {
            Some(trouble) => message::error(400, std::slice::from_ref(trouble)),
            None => Reply::json(200, message::body(&[Message::base("Success", &[])])),
        })
    }
}

impl Task {
    fn ended(&self) -> bool {
        self.looks >= LOOKS
    }

    fn monitor(&self) -> String {
        format!("/redfish/v1/TaskService/TaskMonitors/{}", self.id)
    }

    pub fn document(&self) -> Value {
        let (state, status) = match (self.looks, &self.trouble) {
            (0, _) => ("New", "OK"),
            (looks, _) if looks < LOOKS => ("Running", "OK"),
            (_, None) => ("Completed", "OK"),
            (_, Some(_)) => ("Exception", "Critical"),
        };
        let message = match &self.trouble {
            Some(trouble) if self.ended() => vec![trouble.json()],
            None if self.ended() => vec![Message::base("Success", &[]).json()],
            _ => Vec::new(),
        };
        let mut task = json!({
            "@odata.id": format!("/redfish/v1/TaskService/Tasks/{}", self.id),
            "@odata.type": "#Task.v1_7_4.Task",
            "Id": self.id,
            "Name": self.name,
            "TaskState": state,
            "TaskStatus": status,
            "PercentComplete": 100 * self.looks / LOOKS,
            "StartTime": stamp(self.began),
            "Messages": message,
        });
        if !self.told {
            task["TaskMonitor"] = json!(self.monitor());
        }
        task
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_goes_on_by_being_looked_at() {
        let mut tasks = Tasks::default();
        let begun = tasks.begin("Update", 0, None, Some("2.0".into()));
        assert_eq!(begun.status, 202);
        let mut percents = Vec::new();
        while tasks.get("1").is_some_and(|task| !task.ended()) {
            percents.push(tasks.look("1"));
        }
        assert_eq!(percents, [None, None, Some("2.0".into())]);
        assert_eq!(tasks.monitor("1").map(|reply| reply.status), Some(200));
        assert_eq!(tasks.monitor("1"), None);
        assert_eq!(tasks.get("1").map(|task| task.document()["TaskState"].clone()), Some(json!("Completed")));
    }
}
