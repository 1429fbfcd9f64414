//! Calls about clusters.

use super::{Client, Error};
use crate::cluster::{
    Cluster, ClusterAccess, ClusterDetail, ClusterTaskView, Grant, Identity, KubeconfigAnswer,
    KubeconfigRequest, Retyped,
};
use crate::routes::operator;

impl Client {
    pub async fn clusters(&self) -> Result<Vec<Cluster>, Error> {
        self.get(operator::CLUSTERS).await
    }

    pub async fn cluster(&self, name: &str) -> Result<ClusterDetail, Error> {
        self.get(&operator::cluster(name)).await
    }

    pub async fn identity(&self) -> Result<Identity, Error> {
        self.get(operator::IDENTITY).await
    }

    /// Takes as long as a control plane needs to sign.
    pub async fn kubeconfig(
        &self,
        cluster: &str,
        request: &KubeconfigRequest,
    ) -> Result<KubeconfigAnswer, Error> {
        self.ask(&operator::kubeconfig(cluster), request).await
    }

    pub async fn snapshot(&self, cluster: &str) -> Result<ClusterTaskView, Error> {
        self.ask(&operator::cluster_verb(cluster, "snapshot"), &()).await
    }

    /// `retyped`: the cluster's name once more, as a person typed it.
    pub async fn reset(&self, cluster: &str, retyped: Retyped) -> Result<Cluster, Error> {
        self.ask(&operator::cluster_verb(cluster, "reset"), &retyped).await
    }

    pub async fn grant(&self, cluster: &str) -> Result<Grant, Error> {
        self.get(&operator::cluster_verb(cluster, "adopt")).await
    }

    pub async fn adopt(&self, cluster: &str, access: &ClusterAccess) -> Result<Cluster, Error> {
        self.ask(&operator::cluster_verb(cluster, "adopt"), access).await
    }
}
