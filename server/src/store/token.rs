//! The table `token`: who may call the operators' interface, and with which role. Only hashes are kept.

use api::user::{Role, User};

use super::{Conn, Result, Store, on, statement, stored};

/// A token, or the session of a browser that logged in with one.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub hash: String,
    pub name: String,
    pub role: Role,
    /// `token` or `session`.
    pub kind: &'static str,
    /// Microseconds since 1970; None for never.
    pub expires: Option<i64>,
}

/// Whose a token or session is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub name: String,
    pub role: Role,
    pub expires: Option<i64>,
}

impl Store {
    /// Also forgets those that have expired.
    pub async fn token_add(&self, token: NewToken, now: i64) -> Result<()> {
        self.write(move |conn| {
            Box::pin(async move {
                purge(conn, now).await?;
                insert(conn, token, now).await
            })
        })
        .await
    }

    /// A token for somebody new. False when somebody has that name.
    pub async fn user_add(&self, token: NewToken, now: i64) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM token WHERE name = $1 AND kind = 'token'";
        self.write(move |conn| {
            Box::pin(async move {
                purge(conn, now).await?;
                let (taken,): (i64,) =
                    on!(conn, c => sqlx::query_as(sql).bind(&token.name).fetch_one(&mut **c).await)?;
                if taken > 0 {
                    return Ok(false);
                }
                insert(conn, token, now).await.map(|()| true)
            })
        })
        .await
    }

    /// Whose token or session this is, if it is alive.
    pub async fn token_holder(&self, hash: &str, kind: &'static str, now: i64) -> Result<Option<Holder>> {
        let sql = "SELECT name, role, expires FROM token WHERE hash = $1 AND kind = $2 AND (expires IS NULL OR expires > $3)";
        let row: Option<(String, String, Option<i64>)> = on!(self.read(), p => sqlx::query_as(sql).bind(hash).bind(kind).bind(now).fetch_optional(p).await)?;
        row.map(|(name, role, expires)| Ok(Holder { name, role: stored("token.role", &role)?, expires }))
            .transpose()
    }

    pub async fn token_remove(&self, hash: String) -> Result<()> {
        let sql = "DELETE FROM token WHERE hash = $1";
        statement!(self, sqlx::query(sql).bind(hash)).map(drop)
    }

    /// All that have a token which is alive, by name.
    pub async fn users(&self, now: i64) -> Result<Vec<User>> {
        let sql = "SELECT name, role, created, expires FROM token WHERE kind = 'token' AND (expires IS NULL OR expires > $1) \
                   ORDER BY name, created";
        let rows: Vec<(String, String, i64, Option<i64>)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(now).fetch_all(p).await)?;
        let user = |(name, role, created, expires): (String, String, i64, Option<i64>)| {
            Ok(User { name, role: stored("token.role", &role)?, created, expires })
        };
        rows.into_iter().map(user).collect()
    }

    /// Ends all tokens and sessions of this name. False when there were none.
    pub async fn user_revoke(&self, name: &str) -> Result<bool> {
        let sql = "DELETE FROM token WHERE name = $1";
        let name = name.to_string();
        Ok(statement!(self, sqlx::query(sql).bind(name))? > 0)
    }
}

async fn purge(conn: &mut Conn, now: i64) -> Result<()> {
    let sql = "DELETE FROM token WHERE expires < $1";
    on!(conn, c => sqlx::query(sql).bind(now).execute(&mut **c).await.map(drop))?;
    Ok(())
}

async fn insert(conn: &mut Conn, token: NewToken, now: i64) -> Result<()> {
    let sql = "INSERT INTO token (hash, name, role, kind, created, expires) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (hash) DO NOTHING";
    on!(conn, c => sqlx::query(sql).bind(token.hash).bind(token.name).bind(token.role.as_str()).bind(token.kind).bind(now)
        .bind(token.expires).execute(&mut **c).await.map(drop))?;
    Ok(())
}
