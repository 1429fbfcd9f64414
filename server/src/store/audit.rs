//! The table `audit`: what operators did. Written before the action and completed after it; nothing deletes a row.

use api::user::{AuditEntry, AuditQuery};

use super::{Result, Store, on, statement, stored};

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    at: i64,
    who: String,
    role: String,
    address: String,
    call: String,
    subject: String,
    status: Option<i64>,
    before: Option<String>,
    after: Option<String>,
}

impl Store {
    pub async fn audit_begin(&self, entry: AuditEntry) -> Result<()> {
        let sql = "INSERT INTO audit (id, at, who, role, address, call, subject, status, before, after) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        statement!(
            self,
            sqlx::query(sql)
                .bind(entry.id)
                .bind(entry.at)
                .bind(entry.who)
                .bind(entry.role.as_str())
                .bind(entry.address)
                .bind(entry.call)
                .bind(entry.subject)
                .bind(entry.status.map(i64::from))
                .bind(entry.before.map(|json| json.to_string()))
                .bind(entry.after.map(|json| json.to_string()))
        )
        .map(drop)
    }

    pub async fn audit_end(&self, id: String, status: u16, after: Option<serde_json::Value>) -> Result<()> {
        let sql = "UPDATE audit SET status = $2, after = $3 WHERE id = $1";
        statement!(
            self,
            sqlx::query(sql).bind(id).bind(i64::from(status)).bind(after.map(|json| json.to_string()))
        )
        .map(drop)
    }

    /// Newest first.
    pub async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        let all = "SELECT * FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2";
        let by_who = "SELECT * FROM audit WHERE id < $1 AND who = $3 ORDER BY id DESC LIMIT $2";
        let by_subject = "SELECT * FROM audit WHERE id < $1 AND subject = $3 ORDER BY id DESC LIMIT $2";
        let by_both =
            "SELECT * FROM audit WHERE id < $1 AND who = $3 AND subject = $4 ORDER BY id DESC LIMIT $2";
        // Ids begin with a digit or a letter up to `f`.
        let before = query.before.clone().unwrap_or_else(|| "g".into());
        let limit = query.limit.unwrap_or(200).clamp(1, 1000);
        let rows: Vec<Row> = match (&query.who, &query.subject) {
            (None, None) => {
                on!(self.read(), p => sqlx::query_as(all).bind(before).bind(limit).fetch_all(p).await)?
            }
            (Some(who), None) => {
                on!(self.read(), p => sqlx::query_as(by_who).bind(before).bind(limit).bind(who).fetch_all(p).await)?
            }
            (None, Some(subject)) => {
                on!(self.read(), p => sqlx::query_as(by_subject).bind(before).bind(limit).bind(subject)
                    .fetch_all(p).await)?
            }
            (Some(who), Some(subject)) => {
                on!(self.read(), p => sqlx::query_as(by_both).bind(before).bind(limit).bind(who).bind(subject)
                    .fetch_all(p).await)?
            }
        };
        rows.into_iter().map(entry).collect()
    }
}

fn entry(row: Row) -> Result<AuditEntry> {
    let json = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
    Ok(AuditEntry {
        role: stored("audit.role", &row.role)?,
        status: row.status.and_then(|status| u16::try_from(status).ok()),
        before: json(row.before),
        after: json(row.after),
        id: row.id,
        at: row.at,
        who: row.who,
        address: row.address,
        call: row.call,
        subject: row.subject,
    })
}
