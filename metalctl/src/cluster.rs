//! The verbs of `metalctl cluster`.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use api::client::Client;
use api::cluster::{Access, ClusterAccess, KubeconfigRequest, Retyped};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

use crate::args::cluster::ClusterVerb;
use crate::clock::now;
use crate::exit::{Exit, Failure};
use crate::kubeconfig;
use crate::output::Io;
use crate::reference::path_segment;
use crate::render::cluster as screen;

pub async fn run(verb: ClusterVerb, client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    match verb {
        ClusterVerb::List => list(client, io).await,
        ClusterVerb::Show { cluster } => show(client, io, &cluster).await,
        ClusterVerb::Nodes { cluster } => nodes(client, io, &cluster).await,
        ClusterVerb::Health { cluster } => health(client, io, &cluster).await,
        ClusterVerb::Kubeconfig { cluster, access, hours, output } => {
            let wish = Wish { access: access.into(), hours, output: output.as_deref() };
            mint(client, io, &cluster, wish).await
        }
        ClusterVerb::Reset { cluster, name, .. } => reset(client, io, &cluster, name).await,
        ClusterVerb::Adopt { cluster, file: Some(file), .. } => adopt(client, io, &cluster, &file).await,
        ClusterVerb::Adopt { cluster, file: None, .. } => grant(client, io, &cluster).await,
        ClusterVerb::Snapshot { cluster } => snapshot(client, io, &cluster).await,
    }
}

async fn list(client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let clusters = client.clusters().await?;
    if io.json {
        io.json(&clusters)?;
    } else if clusters.is_empty() {
        io.say("No clusters: a [cluster.NAME] in the site file declares one")?;
    } else {
        io.data(&screen::list(&clusters, now(), io.paint()))?;
    }
    Ok(Exit::Done)
}

async fn show(client: &Client, io: &mut Io<'_>, cluster: &str) -> Result<Exit, Failure> {
    let detail = client.cluster(&path_segment(cluster)?).await?;
    if io.json {
        io.json(&detail)?;
    } else {
        let machines = client.machines().await?;
        io.data(&screen::show(&detail, &machines, now(), io.paint()))?;
    }
    Ok(Exit::Done)
}

async fn nodes(client: &Client, io: &mut Io<'_>, cluster: &str) -> Result<Exit, Failure> {
    let detail = client.cluster(&path_segment(cluster)?).await?;
    if io.json {
        io.json(&detail.nodes)?;
    } else if detail.nodes.is_empty() && detail.others.is_empty() {
        io.say("No nodes yet: a machine is one as soon as its join begins")?;
    } else {
        let machines = client.machines().await?;
        io.data(&screen::nodes(&detail, &machines, now(), io.paint()))?;
    }
    Ok(Exit::Done)
}

async fn health(client: &Client, io: &mut Io<'_>, cluster: &str) -> Result<Exit, Failure> {
    let detail = client.cluster(&path_segment(cluster)?).await?;
    let problems = screen::problems(&detail, now());
    if io.json {
        io.json(&problems)?;
    } else if problems.is_empty() {
        io.data(&screen::line(&detail.cluster, io.paint()))?;
    } else {
        io.data(&problems.join("\n"))?;
    }
    Ok(if problems.is_empty() { Exit::Done } else { Exit::Unhealthy })
}

struct Wish<'a> {
    access: Access,
    hours: u32,
    output: Option<&'a Path>,
}

async fn mint(client: &Client, io: &mut Io<'_>, cluster: &str, wish: Wish<'_>) -> Result<Exit, Failure> {
    let group = wish.access.group();
    let key = KeyPair::generate().map_err(|e| unmade(&e))?;
    let csr_pem = request(&key, &client.identity().await?.user, group).map_err(|e| unmade(&e))?;
    let request = KubeconfigRequest { csr_pem, access: wish.access, hours: wish.hours };
    let answer = client.kubeconfig(&path_segment(cluster)?, &request).await?;
    let user = format!("{cluster}-{}", group.trim_start_matches("metal:"));
    let config = kubeconfig::kubeconfig(cluster, &user, &answer, &key.serialize_pem());
    let text = serde_json::to_string_pretty(&config)? + "\n";
    let Some(file) = wish.output else {
        io.data(&text)?;
        return Ok(Exit::Done);
    };
    write_private(file, &text).map_err(|e| {
        Failure::new(
            Exit::Refused,
            format!("cannot write `{}`: {e}", file.display()),
            "-o names another file; without it the kubeconfig is printed",
        )
    })?;
    io.say(&format!(
        "{}: group {group}, for {} h; use it with `KUBECONFIG={} kubectl get nodes`",
        file.display(),
        wish.hours,
        file.display()
    ))?;
    Ok(Exit::Done)
}

fn request(key: &KeyPair, user: &str, group: &str) -> Result<String, rcgen::Error> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, user);
    parameters.distinguished_name.push(DnType::OrganizationName, group);
    parameters.serialize_request(key)?.pem()
}

fn unmade(error: &rcgen::Error) -> Failure {
    Failure { exit: Exit::Refused, message: format!("cannot make a key: {error}"), hint: None }
}

/// Complete or not at all, and never readable by others, whatever stood there before.
pub fn write_private(file: &Path, text: &str) -> io::Result<()> {
    let mut name = file.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}", std::process::id()));
    let fresh = file.with_file_name(name);
    let written = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh);
    let written = written.and_then(|mut handle| handle.write_all(text.as_bytes()));
    let moved = written.and_then(|()| fs::rename(&fresh, file));
    if moved.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&fresh);
    }
    moved
}

async fn reset(
    client: &Client,
    io: &mut Io<'_>,
    cluster: &str,
    name: Option<String>,
) -> Result<Exit, Failure> {
    let detail = client.cluster(&path_segment(cluster)?).await?;
    io.say(&screen::reset(&detail, io.talk_paint()))?;
    let typed = match name {
        Some(name) => name,
        None if io.screen.input => io.ask("Type the cluster's name to go on")?,
        None => {
            return Err(Failure::new(
                Exit::Usage,
                "this forgets a cluster and there is no terminal to ask at",
                format!("say --yes --name {cluster} once you have seen what it means"),
            ));
        }
    };
    if typed != detail.cluster.name {
        return Err(Failure::new(
            Exit::Refused,
            format!("`{typed}` is not `{}`: nothing was done", detail.cluster.name),
            "the name is the first word of its line in `metalctl cluster list`",
        ));
    }
    let cluster = client.reset(&path_segment(cluster)?, Retyped { name: typed }).await?;
    tell(io, &cluster)
}

async fn grant(client: &Client, io: &mut Io<'_>, cluster: &str) -> Result<Exit, Failure> {
    let grant = client.grant(&path_segment(cluster)?).await?;
    if io.json {
        io.json(&grant)?;
    } else {
        io.data(&grant.manifest)?;
    }
    Ok(Exit::Done)
}

async fn adopt(client: &Client, io: &mut Io<'_>, cluster: &str, file: &Path) -> Result<Exit, Failure> {
    let unread = |why: String| {
        Failure::new(
            Exit::Usage,
            format!("cannot use the Secret in `{}`: {why}", file.display()),
            "`kubectl -n metal-system get secret metald-token -o json` prints it, after the grant is applied",
        )
    };
    let text = if file == Path::new("-") {
        let mut text = String::new();
        io.input().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    let text = text.map_err(|e| unread(e.to_string()))?;
    let (ca_pem, token) = kubeconfig::account(&text).map_err(unread)?;
    let cluster = client.adopt(&path_segment(cluster)?, &ClusterAccess { ca_pem, token }).await?;
    tell(io, &cluster)
}

async fn snapshot(client: &Client, io: &mut Io<'_>, cluster: &str) -> Result<Exit, Failure> {
    let task = client.snapshot(&path_segment(cluster)?).await?;
    if io.json {
        io.json(&task)?;
    } else {
        io.data(&format!("{} of {cluster} is {}", task.kind, task.state))?;
        io.say(&format!("`metalctl cluster show {cluster}` shows it when it is done"))?;
    }
    Ok(Exit::Done)
}

fn tell(io: &mut Io<'_>, cluster: &api::cluster::Cluster) -> Result<Exit, Failure> {
    if io.json {
        io.json(cluster)?;
    } else {
        io.data(&screen::line(cluster, io.paint()))?;
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateSigningRequestParams, DnValue};

    use super::*;

    #[test]
    fn a_request_names_one_user_and_one_group() {
        let key = KeyPair::generate().unwrap();
        let pem = request(&key, "metal:anna", "metal:viewer").unwrap();
        let asked = CertificateSigningRequestParams::from_pem(&pem).unwrap().params.distinguished_name;
        let names: Vec<_> = asked.iter().map(|(kind, value)| (kind.clone(), value.clone())).collect();
        let text = |text: &str| DnValue::Utf8String(text.into());
        assert_eq!(
            names,
            [(DnType::CommonName, text("metal:anna")), (DnType::OrganizationName, text("metal:viewer"))]
        );
    }

    #[test]
    fn a_kubeconfig_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("metalctl-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("prod.kubeconfig");
        fs::write(&file, "open to all").unwrap();
        write_private(&file, "secret").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "secret");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left");
        fs::remove_dir_all(&folder).unwrap();
    }
}
