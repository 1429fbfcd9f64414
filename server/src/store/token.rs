//! The table `token`: who may call the operators' interface. Only hashes are kept.

use super::{Result, Store, on};

impl Store {
    /// Also forgets those that have expired. `kind` is `token` or `session`; `expires` in microseconds since 1970, None for never.
    pub async fn token_add(
        &self,
        hash: String,
        name: String,
        kind: &'static str,
        now: i64,
        expires: Option<i64>,
    ) -> Result<()> {
        let sql = "INSERT INTO token (hash, name, kind, created, expires) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (hash) DO NOTHING";
        let purge = "DELETE FROM token WHERE expires < $1";
        self.write(move |conn| {
            Box::pin(async move {
                on!(conn, c => sqlx::query(purge).bind(now).execute(&mut **c).await.map(drop))?;
                on!(conn, c => sqlx::query(sql).bind(hash).bind(name).bind(kind).bind(now).bind(expires)
                .execute(&mut **c).await.map(drop))?;
                Ok(())
            })
        })
        .await
    }

    /// The operator's name behind a token or session that is alive.
    pub async fn token_name(&self, hash: &str, kind: &'static str, now: i64) -> Result<Option<String>> {
        let sql =
            "SELECT name FROM token WHERE hash = $1 AND kind = $2 AND (expires IS NULL OR expires > $3)";
        let name: Option<(String,)> = on!(self.read(), p => sqlx::query_as(sql).bind(hash).bind(kind).bind(now).fetch_optional(p).await)?;
        Ok(name.map(|(name,)| name))
    }

    pub async fn token_remove(&self, hash: String) -> Result<()> {
        let sql = "DELETE FROM token WHERE hash = $1";
        self.write(move |conn| {
            Box::pin(async move {
                on!(conn, c => sqlx::query(sql).bind(hash).execute(&mut **c).await.map(drop))?;
                Ok(())
            })
        })
        .await
    }
}
