//! The table `cluster`: whether there is a cluster to join, who initialises it, and which control plane
//! joins now. Each change is one conditional write, so that of two machines at once one wins.

use api::cluster::ClusterState;
use api::id::MachineId;
use api::state::State;

use super::{Conn, Error, Result, Store, on, statement, stored};

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ClusterRow {
    pub name: String,
    pub state: String,
    pub since: i64,
    /// Which claimed the init; None for a cluster that was adopted.
    pub machine: Option<String>,
    /// The install that did so; 0 once that has left.
    pub generation: i64,
    pub ca_pem: Option<String>,
    /// Sealed.
    pub access: Option<String>,
    pub admitting: Option<String>,
    /// Since when that one joins.
    pub admitted: Option<i64>,
    pub version: i64,
}

impl ClusterRow {
    pub fn state(&self) -> Result<ClusterState> {
        stored("cluster.state", &self.state)
    }
}

/// What a control plane that is ready to join has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    Init,
    Join,
    /// Somebody else initialises the cluster.
    Wait(Option<MachineId>),
}

impl Store {
    /// A row for each cluster that the site file declares; those that are there stay as they are.
    pub async fn cluster_declare(&self, names: Vec<String>, now: i64) -> Result<()> {
        let sql = "INSERT INTO cluster (name, state, since, generation, version) VALUES ($1, $2, $3, 0, 1) \
                   ON CONFLICT (name) DO NOTHING";
        self.write(move |conn| {
            Box::pin(async move {
                for name in names {
                    on!(conn, c => sqlx::query(sql).bind(name).bind(ClusterState::Empty.as_str()).bind(now)
                        .execute(&mut **c).await.map(drop))?;
                }
                Ok(())
            })
        })
        .await
    }

    pub async fn clusters(&self) -> Result<Vec<ClusterRow>> {
        let sql = "SELECT * FROM cluster ORDER BY name";
        Ok(on!(self.read(), p => sqlx::query_as(sql).fetch_all(p).await)?)
    }

    pub async fn cluster(&self, name: &str) -> Result<Option<ClusterRow>> {
        let sql = "SELECT * FROM cluster WHERE name = $1";
        Ok(on!(self.read(), p => sqlx::query_as(sql).bind(name).fetch_optional(p).await)?)
    }

    /// Claims the init of an empty cluster. Who has the claim gets the same answer again, also when the
    /// cluster is up: it must find what it made, and never join itself.
    pub async fn cluster_claim(
        &self,
        name: &str,
        machine: &MachineId,
        generation: i64,
        now: i64,
    ) -> Result<Claim> {
        let no_cluster = || Error::NoCluster(name.into());
        let row = self.cluster(name).await?.ok_or_else(no_cluster)?;
        let row = match row.state()? {
            ClusterState::Empty => {
                let (name, machine) = (name.to_string(), machine.clone());
                let claimed =
                    self.write(move |conn| Box::pin(claim(conn, name, machine, generation, now))).await?;
                claimed.ok_or_else(no_cluster)?
            }
            ClusterState::Initialising | ClusterState::Up => row,
        };
        let owns = row.machine.as_deref() == Some(&machine.0) && row.generation == generation;
        Ok(match row.state()? {
            _ if owns => Claim::Init,
            ClusterState::Up => Claim::Join,
            ClusterState::Empty | ClusterState::Initialising => Claim::Wait(row.machine.map(MachineId)),
        })
    }

    /// The claimant has an API server. False for everyone else, and for a second cluster under the same claim.
    pub async fn cluster_up(
        &self,
        name: &str,
        machine: &MachineId,
        generation: i64,
        ca_pem: String,
        access: String,
        now: i64,
    ) -> Result<bool> {
        let sql = "UPDATE cluster SET since = CASE WHEN state = 'up' THEN since ELSE $6 END, state = 'up', ca_pem = $4, \
                   access = $5, version = version + 1 WHERE name = $1 AND machine = $2 AND generation = $3 \
                   AND (state = 'initialising' OR (state = 'up' AND ca_pem = $4))";
        let (name, machine) = (name.to_string(), machine.clone());
        let up = statement!(
            self,
            sqlx::query(sql).bind(name).bind(&machine.0).bind(generation).bind(ca_pem).bind(access).bind(now)
        )? == 1;
        self.wake_joining(up).await?;
        Ok(up)
    }

    /// An empty cluster that somebody else has made.
    pub async fn cluster_adopt(&self, name: &str, ca_pem: String, access: String, now: i64) -> Result<bool> {
        let sql = "UPDATE cluster SET state = 'up', since = $4, machine = NULL, generation = 0, ca_pem = $2, access = $3, \
                   version = version + 1 WHERE name = $1 AND state = 'empty'";
        let name = name.to_string();
        let adopted = statement!(self, sqlx::query(sql).bind(name).bind(ca_pem).bind(access).bind(now))? == 1;
        self.wake_joining(adopted).await?;
        Ok(adopted)
    }

    /// The one place of a joining control plane: true when it was free or is its own already.
    pub async fn cluster_admit(&self, name: &str, machine: &MachineId, now: i64) -> Result<bool> {
        let sql = "UPDATE cluster SET admitting = $2, admitted = $3, version = version + 1 \
                   WHERE name = $1 AND state = 'up' AND admitting IS NULL";
        let row = self.cluster(name).await?.ok_or_else(|| Error::NoCluster(name.into()))?;
        if let Some(admitting) = row.admitting {
            return Ok(admitting == machine.0);
        }
        let (name, key) = (name.to_string(), machine.0.clone());
        Ok(statement!(self, sqlx::query(sql).bind(name).bind(key).bind(now))? == 1)
    }

    /// Frees that place, if it is this machine's.
    pub async fn cluster_release(&self, name: &str, machine: &MachineId) -> Result<()> {
        let sql = "UPDATE cluster SET admitting = NULL, admitted = NULL, version = version + 1 WHERE name = $1 AND admitting = $2";
        let (name, key) = (name.to_string(), machine.0.clone());
        let freed = statement!(self, sqlx::query(sql).bind(name).bind(key))? == 1;
        self.wake_joining(freed).await
    }

    /// Who made the cluster has left it: should the same install come back, it joins like any other.
    pub async fn cluster_left(&self, name: &str, machine: &MachineId) -> Result<()> {
        let sql = "UPDATE cluster SET generation = 0, version = version + 1 \
                   WHERE name = $1 AND machine = $2 AND state = 'up' AND generation <> 0";
        let (name, key) = (name.to_string(), machine.0.clone());
        statement!(self, sqlx::query(sql).bind(name).bind(key)).map(drop)
    }

    /// There is no cluster any more: its nodes and tasks are forgotten, its snapshots are kept.
    pub async fn cluster_reset(&self, name: &str, now: i64) -> Result<()> {
        let nodes = self.nodes(name).await?;
        let key = name.to_string();
        self.write(move |conn| Box::pin(reset(conn, key, now))).await?;
        for node in nodes {
            self.changed(&MachineId(node.machine));
        }
        self.wake_joining(true).await
    }

    /// Machines that wait for a cluster have no node yet: all that are joining ask again.
    async fn wake_joining(&self, news: bool) -> Result<()> {
        let sql = "SELECT id FROM machine WHERE state = $1 ORDER BY id";
        if !news {
            return Ok(());
        }
        let joining = State::Joining.as_str();
        let ids: Vec<(String,)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(joining).fetch_all(p).await)?;
        ids.into_iter().for_each(|(id,)| self.changed(&MachineId(id)));
        Ok(())
    }
}

/// The row after the claim, whoever won it.
async fn claim(
    conn: &mut Conn,
    name: String,
    machine: MachineId,
    generation: i64,
    now: i64,
) -> Result<Option<ClusterRow>> {
    let sql = "UPDATE cluster SET state = 'initialising', since = $4, machine = $2, generation = $3, version = version + 1 \
               WHERE name = $1 AND state = 'empty'";
    on!(conn, c => sqlx::query(sql).bind(&name).bind(&machine.0).bind(generation).bind(now).execute(&mut **c).await.map(drop))?;
    let sql = "SELECT * FROM cluster WHERE name = $1";
    Ok(on!(conn, c => sqlx::query_as(sql).bind(&name).fetch_optional(&mut **c).await)?)
}

async fn reset(conn: &mut Conn, name: String, now: i64) -> Result<()> {
    let sql = "UPDATE cluster SET state = 'empty', since = $2, machine = NULL, generation = 0, ca_pem = NULL, access = NULL, \
               admitting = NULL, admitted = NULL, version = version + 1 WHERE name = $1";
    on!(conn, c => sqlx::query(sql).bind(&name).bind(now).execute(&mut **c).await.map(drop))?;
    let sql = "DELETE FROM node WHERE cluster = $1";
    on!(conn, c => sqlx::query(sql).bind(&name).execute(&mut **c).await.map(drop))?;
    // The ended ones too: what the next cluster is asked has the same keys.
    let sql = "DELETE FROM cluster_task WHERE cluster = $1";
    on!(conn, c => sqlx::query(sql).bind(&name).execute(&mut **c).await.map(drop))?;
    Ok(())
}
