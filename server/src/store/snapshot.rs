//! The table `snapshot`: which etcd snapshots of a cluster the server keeps.

use api::cluster::Snapshot;

use super::{Result, Store, on, statement};

impl Store {
    pub async fn snapshot_add(&self, snapshot: Snapshot) -> Result<()> {
        let sql = "INSERT INTO snapshot (cluster, file, at, size, sha256) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT (cluster, file) DO UPDATE SET at = excluded.at, size = excluded.size, sha256 = excluded.sha256";
        let size = i64::try_from(snapshot.size).unwrap_or(i64::MAX);
        statement!(
            self,
            sqlx::query(sql)
                .bind(snapshot.cluster)
                .bind(snapshot.file)
                .bind(snapshot.at)
                .bind(size)
                .bind(snapshot.sha256)
        )
        .map(drop)
    }

    /// Newest first.
    pub async fn snapshots(&self, cluster: &str) -> Result<Vec<Snapshot>> {
        let sql = "SELECT cluster, file, at, size, sha256 FROM snapshot WHERE cluster = $1 ORDER BY at DESC, file DESC";
        let rows: Vec<(String, String, i64, i64, String)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(cluster).fetch_all(p).await)?;
        let read = |(cluster, file, at, size, sha256): (String, String, i64, i64, String)| Snapshot {
            cluster,
            file,
            at,
            size: size.unsigned_abs(),
            sha256,
        };
        Ok(rows.into_iter().map(read).collect())
    }

    pub async fn snapshot_remove(&self, cluster: &str, file: &str) -> Result<()> {
        let sql = "DELETE FROM snapshot WHERE cluster = $1 AND file = $2";
        let (cluster, file) = (cluster.to_string(), file.to_string());
        statement!(self, sqlx::query(sql).bind(cluster).bind(file)).map(drop)
    }
}
