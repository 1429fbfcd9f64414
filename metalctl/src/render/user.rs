//! Users, and what they did.

use api::user::{AuditEntry, User, changes};

use super::paint::Paint;
use super::table::Table;
use super::words::{moment, or_dash};

pub fn users(users: &[User], paint: Paint) -> String {
    let mut table = Table::new(&["NAME", "ROLE", "SINCE", "UNTIL"]);
    for user in users {
        let until = user.expires.map(moment).unwrap_or_default();
        table.plain([user.name.clone(), user.role.to_string(), moment(user.created), or_dash(&until).into()]);
    }
    table.render(paint, None)
}

pub fn audit(entries: &[AuditEntry], paint: Paint) -> String {
    let mut table = Table::new(&["WHEN", "WHO", "ROLE", "FROM", "ANSWER", "CALL", "CHANGED"]);
    for entry in entries {
        let answer = entry.status.map_or("none".into(), |status| status.to_string());
        // What a call that was refused found is no change.
        let changed = match entry.status {
            Some(200..400) => changes(entry).join(", "),
            _ => String::new(),
        };
        table.plain([
            moment(entry.at),
            entry.who.clone(),
            entry.role.to_string(),
            entry.address.clone(),
            answer,
            entry.call.clone(),
            or_dash(&changed).into(),
        ]);
    }
    table.render(paint, None)
}

#[cfg(test)]
mod tests {
    use api::user::Role;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_says_who_what_from_where_and_what_became_of_it() {
        let entry = |status, after: bool| AuditEntry {
            id: "1".into(),
            at: 1_795_507_200_000_000,
            who: "anna".into(),
            role: Role::Operator,
            address: "192.0.2.7".into(),
            call: "POST /api/v1/machines/node07/hold".into(),
            subject: "m1".into(),
            status,
            before: Some(json!({"hold": false})),
            after: after.then(|| json!({"hold": true})),
        };
        let entries = [entry(Some(200), true), entry(Some(409), false), entry(None, false)];
        let start = "2026-11-24 08:00:00Z  anna  operator  192.0.2.7";
        let call = "POST /api/v1/machines/node07/hold";
        let expected = format!(
            "WHEN                  WHO   ROLE      FROM       ANSWER  CALL{:31}CHANGED\n\
             {start}  200     {call}  hold: false → true\n\
             {start}  409     {call}  –\n\
             {start}  none    {call}  –\n",
            ""
        );
        assert_eq!(audit(&entries, Paint::default()), expected);
    }
}
