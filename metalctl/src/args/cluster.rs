//! What can be typed about clusters.

use std::path::PathBuf;

use api::cluster::Access;
use clap::{Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub enum ClusterVerb {
    /// All clusters: state, and how many nodes are Ready
    List,
    /// All that is known of a cluster
    Show { cluster: String },
    /// Its nodes: Ready or the reason, version, address, the certificate that ends first
    Nodes { cluster: String },
    /// Exits with 0 when every node is Ready and nothing else is wrong, with 7 and a line a problem when not
    Health { cluster: String },
    /// Print a kubeconfig with a client certificate of a few hours; the key is made here and stays here
    #[command(
        long_about = "Print a kubeconfig with a client certificate of a few hours. The key is made here: \
        the server sees its public half only, and keeps nothing. It is JSON, which is YAML: kubectl reads it"
    )]
    Kubeconfig {
        cluster: String,
        /// What it may do
        #[arg(long, value_enum, default_value = "operator")]
        access: AccessWord,
        /// How long the certificate lasts
        #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=24))]
        hours: u32,
        /// Where to write it, readable by you alone; else it is printed
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Forget the cluster, so that the next control plane makes a new one
    Reset {
        cluster: String,
        /// Without asking; takes the cluster's name again
        #[arg(long, requires = "name")]
        yes: bool,
        /// The cluster's name again
        #[arg(long, requires = "yes")]
        name: Option<String>,
    },
    /// Take over a cluster that kubeadm made elsewhere
    #[command(
        long_about = "Take over a cluster that kubeadm made elsewhere, in two steps. First read and apply \
        what gives metald its rights there, and nothing more:\n\n\
        metalctl cluster adopt prod --print-manifest > metald.yaml\n\
        kubectl apply -f metald.yaml\n\
        kubectl delete clusterrolebinding kubeadm:node-autoapprove-bootstrap --ignore-not-found\n\n\
        Then hand over the token that the cluster has made for it, with the cluster's CA beside it:\n\n\
        kubectl -n metal-system get secret metald-token -o json | metalctl cluster adopt prod -f -"
    )]
    Adopt {
        cluster: String,
        /// Print what is to be applied to the cluster first
        #[arg(long, conflicts_with = "file")]
        print_manifest: bool,
        /// The Secret `metald-token` as JSON; `-` reads it from stdin
        #[arg(short, long, value_name = "FILE", required_unless_present = "print_manifest")]
        file: Option<PathBuf>,
    },
    /// Save etcd now; the server keeps the snapshot
    Snapshot { cluster: String },
}

/// How [`Access`] is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AccessWord {
    /// Sees what lies in namespaces, but for Secrets
    Viewer,
    /// Changes what lies in namespaces, and sees nodes
    Operator,
    /// All of it
    Admin,
}

impl From<AccessWord> for Access {
    fn from(word: AccessWord) -> Access {
        match word {
            AccessWord::Viewer => Access::Viewer,
            AccessWord::Operator => Access::Operator,
            AccessWord::Admin => Access::Admin,
        }
    }
}
