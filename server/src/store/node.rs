//! The table `node`: what a machine is in its cluster, from the moment it may join until the cluster has let
//! go of it. Writes that change nothing wake nobody: the cluster's loop may say the same again and again.

use api::cluster::{CertificateExpiry, Node, Role};
use api::id::{Hostname, MachineId};

use super::{Error, Result, Store, of_ids, on, statement, stored};

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct NodeRow {
    pub machine: String,
    pub cluster: String,
    pub role: String,
    pub generation: i64,
    pub name: String,
    /// Of the bootstrap token that was minted for it and is not yet revoked.
    pub token_id: Option<String>,
    pub token_expires: Option<i64>,
    /// Its power is off for sure.
    pub fenced: bool,
    /// It may lose what nobody else holds.
    pub forced: bool,
    /// While it leaves: what is waited for.
    pub leaving: Option<String>,
    /// Its own agent may stop it now.
    pub leave_ready: bool,
    pub body: Option<String>,
    pub certificates: Option<String>,
}

impl NodeRow {
    pub fn id(&self) -> MachineId {
        MachineId(self.machine.clone())
    }

    pub fn role(&self) -> Result<Role> {
        stored("node.role", &self.role)
    }

    /// As it was last seen; its `uid` is empty until the API server has shown it. None for what another
    /// version of this program wrote: the next look at the cluster writes it anew.
    pub fn node(&self) -> Option<Node> {
        let node: Node = serde_json::from_str(self.body.as_deref()?).ok()?;
        let certificates = self.certificates.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Some(Node { leaving: self.leaving.clone(), certificates: certificates.unwrap_or_default(), ..node })
    }
}

impl Store {
    /// The machine may join. What is known of this generation stays; an older one's is replaced, but its
    /// token, which is still to be revoked.
    pub async fn node_begin(
        &self,
        machine: &MachineId,
        cluster: &str,
        role: Role,
        generation: i64,
        name: &Hostname,
        now: i64,
    ) -> Result<()> {
        let sql = "INSERT INTO node (machine, cluster, role, generation, name, fenced, forced, leave_ready, body) \
                   VALUES ($1, $2, $3, $4, $5, FALSE, FALSE, FALSE, $6) ON CONFLICT (machine) DO UPDATE SET \
                   cluster = excluded.cluster, role = excluded.role, generation = excluded.generation, name = excluded.name, \
                   fenced = FALSE, forced = FALSE, leaving = NULL, leave_ready = FALSE, body = excluded.body, \
                   certificates = NULL \
                   WHERE node.generation < excluded.generation OR (node.generation = excluded.generation AND \
                   (node.cluster <> excluded.cluster OR node.role <> excluded.role OR node.name <> excluded.name))";
        let node = unseen(machine, cluster, role, name, now);
        let (key, cluster, name, body) =
            (machine.0.clone(), cluster.to_string(), name.to_string(), text(&node)?);
        let begun = statement!(
            self,
            sqlx::query(sql)
                .bind(key)
                .bind(cluster)
                .bind(role.as_str())
                .bind(generation)
                .bind(name)
                .bind(body)
        )? == 1;
        self.changed_if(begun, machine);
        Ok(())
    }

    pub async fn node(&self, machine: &MachineId) -> Result<Option<NodeRow>> {
        let sql = "SELECT * FROM node WHERE machine = $1";
        Ok(on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).fetch_optional(p).await)?)
    }

    pub async fn nodes(&self, cluster: &str) -> Result<Vec<NodeRow>> {
        let sql = "SELECT * FROM node WHERE cluster = $1 ORDER BY machine";
        Ok(on!(self.read(), p => sqlx::query_as(sql).bind(cluster).fetch_all(p).await)?)
    }

    /// The nodes that these machines are.
    pub async fn nodes_of(&self, ids: &[String]) -> Result<Vec<(String, Node)>> {
        let rows: Vec<NodeRow> =
            of_ids!(self, "SELECT * FROM node WHERE machine IN ($1) ORDER BY machine", ids)?;
        Ok(rows.into_iter().filter_map(|row| row.node().map(|node| (row.machine, node))).collect())
    }

    /// The bootstrap token that was minted, as (id, when it expires); None when it is revoked.
    pub async fn node_token(&self, machine: &MachineId, token: Option<(String, i64)>) -> Result<()> {
        let sql = "UPDATE node SET token_id = $2, token_expires = $3 WHERE machine = $1";
        let (id, expires) = token.unzip();
        let key = machine.0.clone();
        statement!(self, sqlx::query(sql).bind(key).bind(id).bind(expires)).map(drop)
    }

    /// What the API server shows of it: all but its certificates, and what it waits for. True when that is news.
    pub async fn node_seen(&self, machine: &MachineId, node: &Node) -> Result<bool> {
        let sql = "UPDATE node SET body = $2 WHERE machine = $1 AND body IS DISTINCT FROM $2";
        let body = text(&Node { leaving: None, certificates: Vec::new(), ..node.clone() })?;
        let key = machine.0.clone();
        let news = statement!(self, sqlx::query(sql).bind(key).bind(body))? == 1;
        self.changed_if(news, machine);
        Ok(news)
    }

    /// What its agent tells of its certificates. False when there is no node of this generation.
    pub async fn node_certificates(
        &self,
        machine: &MachineId,
        generation: i64,
        certificates: &[CertificateExpiry],
    ) -> Result<bool> {
        let sql = "UPDATE node SET certificates = $3 WHERE machine = $1 AND generation = $2 AND certificates IS DISTINCT FROM $3";
        let text = serde_json::to_string(certificates)
            .map_err(|_| Error::Stored { place: "node.certificates", text: machine.0.clone() })?;
        let key = machine.0.clone();
        let news = statement!(self, sqlx::query(sql).bind(key).bind(generation).bind(text))? == 1;
        self.changed_if(news, machine);
        Ok(news || self.node(machine).await?.is_some_and(|row| row.generation == generation))
    }

    /// Adds what a person said, or its BMC of its power; what was said before stays said.
    pub async fn node_wish(&self, machine: &MachineId, fenced: bool, forced: bool) -> Result<()> {
        let sql = "UPDATE node SET fenced = (fenced OR $2), forced = (forced OR $3) \
                   WHERE machine = $1 AND (($2 AND NOT fenced) OR ($3 AND NOT forced))";
        let key = machine.0.clone();
        let news = statement!(self, sqlx::query(sql).bind(key).bind(fenced).bind(forced))? == 1;
        self.changed_if(news, machine);
        Ok(())
    }

    /// It was heard: what was said of its power no longer holds.
    pub async fn node_has_power(&self, machine: &MachineId) -> Result<()> {
        let sql = "UPDATE node SET fenced = FALSE WHERE machine = $1 AND fenced";
        let key = machine.0.clone();
        let news = statement!(self, sqlx::query(sql).bind(key))? == 1;
        self.changed_if(news, machine);
        Ok(())
    }

    /// What its leaving waits for, and whether its agent may be asked to stop it.
    pub async fn node_leaving(
        &self,
        machine: &MachineId,
        leaving: Option<String>,
        leave_ready: bool,
    ) -> Result<()> {
        let sql = "UPDATE node SET leaving = $2, leave_ready = $3 \
                   WHERE machine = $1 AND (leaving IS DISTINCT FROM $2 OR leave_ready <> $3)";
        let key = machine.0.clone();
        let news = statement!(self, sqlx::query(sql).bind(key).bind(leaving).bind(leave_ready))? == 1;
        self.changed_if(news, machine);
        Ok(())
    }

    /// The cluster has let go of it.
    pub async fn node_gone(&self, machine: &MachineId) -> Result<()> {
        let sql = "DELETE FROM node WHERE machine = $1";
        let key = machine.0.clone();
        let gone = statement!(self, sqlx::query(sql).bind(key))? == 1;
        self.changed_if(gone, machine);
        Ok(())
    }

    fn changed_if(&self, news: bool, machine: &MachineId) {
        if news {
            self.changed(machine);
        }
    }
}

/// A node that the API server has not shown yet.
fn unseen(machine: &MachineId, cluster: &str, role: Role, name: &Hostname, now: i64) -> Node {
    Node {
        machine: machine.clone(),
        name: name.clone(),
        cluster: cluster.into(),
        role,
        uid: String::new(),
        ready: false,
        reason: "it has not joined yet".into(),
        since: now,
        cordoned: false,
        version: String::new(),
        address: String::new(),
        certificates: Vec::new(),
        leaving: None,
    }
}

fn text(node: &Node) -> Result<String> {
    serde_json::to_string(node)
        .map_err(|_| Error::Stored { place: "node.body", text: node.machine.0.clone() })
}
